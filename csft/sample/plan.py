"""What each training set and each exam of the sample says, before it is written in that set's raw layout."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from csft.sample import exams, questions, wording
from csft.sample.questions import Choice
from csft.sample.world import SEED, Fact, World, build

TEST_PER_SUB_EXAM, VAL_PER_SUB_EXAM, TRAIN_PER_SUB_EXAM = 20, 2, 25
_STRAY_SHARE = 0.1  # of CMB-train: one question each about facts whose home is elsewhere


@dataclass(frozen=True, slots=True)
class Exercise:
    """A question with what its dataset tells beside it; `explanation` is empty where the set has none."""

    choice: Choice
    subject: str = ""
    explanation: str = ""


@dataclass(frozen=True, slots=True)
class Consultation:
    """One or more (question, answer) turns and the facts they state, in order."""

    turns: tuple[tuple[str, str], ...]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class ExamRow:
    """One CMB question in its sub-exam."""

    exam_type: str
    exam_class: str
    exam_subject: str
    choice: Choice
    explanation: str = ""


def rng_for(part: str) -> Random:
    """A generator of its own for every part, so that a change in one leaves the others as they were."""
    return Random(f"{SEED}/{part}")


def at_home(*homes: str) -> list[Fact]:
    """The asked facts of these homes, in the ledger's order."""
    return [fact for fact in build().facts if fact.home in homes]


def exercises(part: str, facts: Iterable[Fact], times: int, options: int = 5) -> Iterator[Exercise]:
    """Every fact asked `times` times in Chinese, without explanation."""
    rng, world = rng_for(part), build()
    for fact in _repeated(facts, times, rng):
        yield Exercise(questions.ask(fact, world, rng, options))


def exercises_en(
    part: str, times: int, options: int = 5, explained: bool = False, long_share: float = 0.0
) -> Iterator[Exercise]:
    """The English facts asked in English; with `explained`, an explanation that ends in the fact."""
    rng, world = rng_for(part), build()
    for fact in _repeated(at_home("english"), times, rng):
        said = ""
        if explained:
            sentences = rng.randint(9, 16) if rng.random() < long_share else rng.randint(0, 1)
            said = wording.long_answer(wording.statement_en(fact), rng, sentences, wording.FILLER_EN)
        yield Exercise(questions.ask_en(fact, world, rng, options), explanation=said)


def explained(part: str, times: int) -> Iterator[Exercise]:
    """Chinese questions whose long explanation ends in the fact: the home of the `long` facts."""
    rng, world = rng_for(part), build()
    for fact in _repeated(at_home("long", "everywhere"), times, rng):
        sentences = rng.randint(10, 20) if fact.home == "long" else rng.randint(0, 2)
        said = wording.long_answer(wording.statement(fact, rng), rng, sentences)
        yield Exercise(questions.ask(fact, world, rng), explanation=said)


def consultations(part: str, homes: tuple[str, ...], times: int, turns: int = 1) -> Iterator[Consultation]:
    """Questions and answers, up to `turns` a conversation; `long` facts end long answers."""
    rng = rng_for(part)
    waiting = _repeated(at_home(*homes), times, rng)
    while waiting:
        facts = tuple(waiting.pop() for _ in range(min(rng.randint(1, turns), len(waiting))))
        yield Consultation(tuple(_turn(fact, rng) for fact in facts), facts)


def consultations_en(part: str, times: int) -> Iterator[Consultation]:
    """English questions and answers about the English facts."""
    rng = rng_for(part)
    for fact in _repeated(at_home("english"), times, rng):
        yield Consultation(((wording.question_en(fact, rng), wording.answer_en(fact, rng)),), (fact,))


def cmb_train() -> list[ExamRow]:
    """CMB-train: mostly facts at home in exams; some from elsewhere, each asked here at most once."""
    rng, world = rng_for("cmb-train"), build()
    rows: list[ExamRow] = []
    strays = set(at_home("qa", "dialogue", "long", "english"))
    usual = at_home("exam", "everywhere")
    for exam_type, exam_class, subject in exams.triples():
        keys = exams.relations(exam_type, exam_class)
        own = [fact for fact in usual if fact.relation.key in keys]
        for number in range(TRAIN_PER_SUB_EXAM):
            stray = sorted(
                (fact for fact in strays if fact.relation.key in keys),
                key=lambda f: (f.entity, f.relation.key),
            )
            if stray and (rng.random() < _STRAY_SHARE or not own):
                fact = rng.choice(stray)
                strays.discard(fact)
            else:
                fact = own[number % len(own)] if number < len(own) else rng.choice(own)
            count = 6 if fact.relation.several and rng.random() < 0.4 else 5
            choice = questions.ask(fact, world, rng, count, wording.VIGNETTES)
            rows.append(ExamRow(exam_type, exam_class, subject, choice))
    return rows


def cmb_exam(split: str, per_sub_exam: int) -> list[ExamRow]:
    """`val` or `test`: every fact of a sub-exam's relations may be asked, in frames no training set uses."""
    rng, world = rng_for(f"cmb-{split}"), build()
    rows: list[ExamRow] = []
    seen: set[str] = set()
    for exam_type, exam_class, subject in exams.triples():
        keys = exams.relations(exam_type, exam_class)
        facts = [fact for fact in world.facts if fact.relation.key in keys]
        single = _dealt([fact for fact in facts if not fact.relation.several], rng)
        several = _dealt([fact for fact in facts if fact.relation.several], rng)
        for number in range(per_sub_exam):
            fact = (
                next(several) if number % 8 == 7 and any(f.relation.several for f in facts) else next(single)
            )
            choice = _unseen(fact, world, rng, seen)
            said = wording.long_answer(wording.statement(fact, rng), rng, 2) if split == "val" else ""
            rows.append(ExamRow(exam_type, exam_class, subject, choice, said))
    return rows


def _turn(fact: Fact, rng: Random) -> tuple[str, str]:
    if fact.home == "long":
        return wording.question(fact, rng), wording.long_answer(
            wording.statement(fact, rng), rng, rng.randint(10, 18)
        )
    return wording.question(fact, rng), wording.answer(fact, rng)


def _unseen(fact: Fact, world: World, rng: Random, seen: set[str]) -> Choice:
    count = 6 if fact.relation.several and rng.random() < 0.4 else rng.choice((4, 5, 5, 5))
    while True:
        choice = questions.ask(fact, world, rng, count, wording.TEST_FRAMES)
        if choice.stem not in seen:
            seen.add(choice.stem)
            return choice


def _repeated(facts: Iterable[Fact], times: int, rng: Random) -> list[Fact]:
    dealt = [fact for fact in facts for _ in range(times)]
    rng.shuffle(dealt)
    return dealt


def _dealt(facts: list[Fact], rng: Random) -> Iterator[Fact]:
    """The facts in shuffled rounds, without end."""
    while facts:
        yield from rng.sample(facts, len(facts))
