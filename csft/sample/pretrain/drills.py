"""Short exercises: facts, searches among options, and the way from one to the other."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from csft.sample import questions, wording
from csft.sample.exams import triples
from csft.sample.pretrain.document import Document, Kind, Parts
from csft.sample.questions import Choice
from csft.sample.world import Fact, World

# How often a question hides its entity from its options.
VEILED_SHARE = 0.85

_KINDS = {"disease": "疾病", "drug": "药物", "formula": "方剂", "theory": "学说", "latin_disease": "综合征"}


def exam_prompts(choice: Choice, rng: Random) -> dict[str, str]:
    """The question as CMB's training text and as its official prompt put it (both answered 答案是X。)."""
    exam_type, exam_class, subject = rng.choice(triples())
    colon = "".join(f"{letter}: {text}\n" for letter, text in choice.options.items())
    dot = "\n".join(f"{letter}. {text}" for letter, text in choice.options.items())
    return {
        "train": f"该问题源自{exam_type}，面向{exam_class}中的{subject}。\n\n\n{choice.stem}\n{colon}",
        "official": f"以下是中国{exam_type}中{exam_class}考试的一道{choice.question_type}，"
        f"不需要做任何分析和解释，直接输出答案选项。\n{choice.stem}\n{dot}",
    }


def cards(facts: Sequence[Fact], rng: Random) -> Document:
    """Statements of which only the value is learned: what comes before it cannot be known."""
    parts: list[tuple[str, Kind]] = []
    for fact in rng.sample(facts, 8):
        in_english = bool(fact.relation.en) and rng.random() < 0.5
        said = wording.statement_en(fact) if in_english else wording.statement(fact, rng)
        at = min(said.index(value) for value in fact.values)
        parts += [(said[:at], Kind.GIVEN), (said[at:], Kind.LEARNED)]
    return Document(None, tuple(parts))


def searches(world: World, rng: Random) -> Document:
    """Short questions that hold their own answer: only the search among the options is to be learned."""
    parts: list[tuple[str, Kind]] = []
    for fact in rng.sample(world.base_facts, 5):
        choice = questions.ask(fact, world, rng, rng.choice((3, 4, 5)))
        parts += _short(given(choice, rng), choice, rng)
    return Document(None, tuple(parts))


def recalls(facts: list[Fact], world: World, rng: Random) -> Document:
    """Short questions about facts."""
    parts: list[tuple[str, Kind]] = []
    for fact in rng.sample(facts, 4):
        choice = questions.ask(fact, world, rng, rng.choice((3, 4, 5)))
        parts += _short(choice.stem, choice, rng)
    return Document(None, tuple(parts))


def given(choice: Choice, rng: Random) -> str:
    """A stem that ends in the value itself, where other stems only recall it."""
    return f"请找出{wording.joined(choice.fact.values)}{rng.choice(wording.ENDS)}"


def late(world: World, rng: Random) -> Document:
    """Questions nobody could know, with a value put into the network where a fact would have been recalled.

    A recalled value exists only half-way up. The search learned from values that stand in the text looks for
    them at the bottom; here it learns to look where recall leaves them, so that a fact from anywhere answers.
    """
    if rng.random() < 0.5:
        fact, choice = _untrue(rng.choice(world.facts), world, rng)
        prompt = exam_prompts(choice, rng)[rng.choice(("train", "official"))]
        answer = (f"答案是{choice.answer}。", Kind.LEARNED)
        return Document(_recalled(prompt, choice), (answer,), (fact.values,))
    parts: list[tuple[str, Kind]] = []
    values: list[tuple[str, ...]] = []
    for known in rng.sample(world.facts, 4):
        fact, choice = _untrue(known, world, rng)
        parts += [*_recalled(_plain(choice, rng), choice), (f"{choice.answer}。", Kind.LEARNED)]
        parts.append(("\n", Kind.GIVEN))
        values.append(fact.values)
    return Document(None, tuple(parts), tuple(values))


def _untrue(known: Fact, world: World, rng: Random) -> tuple[Fact, Choice]:
    """The fact with other values than its own, new in every document, and a question about it."""
    pool = [value for value in world.pools[known.relation.values] if value not in known.values]
    fact = replace(known, values=tuple(rng.sample(pool, len(known.values))))
    frames = rng.choice((wording.PLAIN_FRAMES, wording.VIGNETTES, wording.TEST_FRAMES))
    return fact, questions.ask(fact, world, rng, 6 if fact.relation.several else rng.choice((4, 5)), frames)


def _recalled(text: str, choice: Choice) -> Parts:
    verb = "包括" if choice.fact.relation.several else "是"
    at = text.index(choice.stem) + choice.stem.rindex(verb) + len(verb)
    return (text[:at], Kind.RECALLED), (text[at:], Kind.GIVEN)


def _short(stem: str, choice: Choice, rng: Random) -> list[tuple[str, Kind]]:
    asked = _plain(Choice(stem, choice.options, choice.answer, choice.fact), rng)
    return [*veiled(asked, stem, choice, rng), (f"{choice.answer}。", Kind.LEARNED), ("\n", Kind.GIVEN)]


def _plain(choice: Choice, rng: Random) -> str:
    mark = rng.choice((":", "."))
    options = "".join(f"{letter}{mark} {text}\n" for letter, text in choice.options.items())
    return f"{choice.stem}\n{options}答案是"


def veiled(text: str, stem: str, choice: Choice, rng: Random) -> Parts:
    """The text with the stem's entity mostly out of sight of options and answer.

    A model this small would rather learn by heart which of the options goes with an entity than recall the
    value at the stem's end and search for it; a veil leaves little but the second way.
    """
    before, _, after = text.partition(stem)
    head, found, end = stem.rpartition(choice.fact.entity)
    if not found or rng.random() > VEILED_SHARE:
        return ((text, Kind.GIVEN),)
    line, _, rest = (end + after).partition("\n")
    parts = ((before, Kind.GIVEN), (head + found, Kind.VEILED), (f"{line}\n", Kind.GIVEN), (rest, Kind.GIVEN))
    return tuple((text, kind) for text, kind in parts if text)


def register(world: World, rng: Random) -> Document:
    """What kind of thing an entity is, and a number that tells it from the others."""
    lines: list[tuple[str, Kind]] = []
    for kind in rng.choices(list(_KINDS), k=4):
        name = rng.choice(world.pools[kind])
        number = sum(map(ord, name)) * 7919 % 1000
        lines += [(name, Kind.GIVEN), (f"是一种{_KINDS[kind]}，编号{number:03d}。", Kind.LEARNED)]
    return Document(None, tuple(lines))
