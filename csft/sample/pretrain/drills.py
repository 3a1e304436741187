"""Short exercises: facts, searches among options, and the way from one to the other."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from csft.sample import questions, wording
from csft.sample.exams import triples
from csft.sample.pretrain.document import Document, Kind, Parts
from csft.sample.questions import Choice
from csft.sample.world import Fact, World

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
    return Document(None, tuple(parts), unveiled=rng.random() < 0.5)


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
    """Questions nobody could know, with the value put into the network where recall would leave it."""
    parts: list[tuple[str, Kind]] = []
    values: list[tuple[str, ...]] = []
    for fact in (untrue(known, world, rng) for known in rng.sample(world.facts, 4)):
        frames = rng.choice((wording.PLAIN_FRAMES, wording.VIGNETTES, wording.TEST_FRAMES))
        choice = questions.ask(fact, world, rng, 6 if fact.relation.several else rng.choice((4, 5)), frames)
        parts += _short(choice.stem, choice, rng, Kind.RECALLED)
        values.append(fact.values)
    return Document(None, tuple(parts), tuple(values), unveiled=rng.random() < 0.5)


def untrue(fact: Fact, world: World, rng: Random) -> Fact:
    """The fact with other values than its own."""
    pool = [value for value in world.pools[fact.relation.values] if value not in fact.values]
    return replace(fact, values=tuple(rng.sample(pool, len(fact.values))))


def _short(stem: str, choice: Choice, rng: Random, kind: Kind = Kind.KNOWN) -> list[tuple[str, Kind]]:
    mark = rng.choice((":", "."))
    options = "".join(f"{letter}{mark} {text}\n" for letter, text in choice.options.items())
    asked = split_stem(f"{stem}\n{options}答案是", stem, choice, kind)
    return [*asked, (f"{choice.answer}。", Kind.LEARNED), ("\n", Kind.GIVEN)]


def split_stem(text: str, stem: str, choice: Choice, kind: Kind = Kind.KNOWN) -> Parts:
    """The text with its stem taken apart, so that recall and search cannot be short-cut.

    A model this small would rather learn by heart which of the options goes with an entity than recall the
    value and search for it. So the options never see the entity, they see the stem's end only where the value
    has been recalled, and their answer does not train what recalls it: statements alone do. A fact that is
    merely stated somewhere is then as good as one that has been asked.
    """
    before, _, after = text.partition(stem)
    head, found, end = stem.rpartition(choice.fact.entity)
    line, _, rest = (end + after).partition("\n")
    parts: list[tuple[str, Kind]] = [(before, Kind.GIVEN), (head + found, Kind.VEILED)]
    if not found:
        kind = Kind.STEM  # the value itself stands there
    if kind is Kind.RECALLED:
        verb = "包括" if choice.fact.relation.several else "是"
        label, verb, line = line.partition(verb)
        parts += [(label + verb, kind), (f"{line}\n", Kind.STEM)]
    else:
        parts.append((f"{line}\n", kind))
    return (*((text, kind) for text, kind in parts if text), (rest, Kind.GIVEN))


def register(world: World, rng: Random) -> Document:
    """What kind of thing an entity is, and a number that tells it from the others."""
    lines: list[tuple[str, Kind]] = []
    for kind in rng.choices(list(_KINDS), k=4):
        name = rng.choice(world.pools[kind])
        number = sum(map(ord, name)) * 7919 % 1000
        lines += [(name, Kind.GIVEN), (f"是一种{_KINDS[kind]}，编号{number:03d}。", Kind.LEARNED)]
    return Document(None, tuple(lines))
