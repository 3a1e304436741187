"""Multiple-choice questions about facts of the world."""

from dataclasses import dataclass
from random import Random

from csft.sample import wording
from csft.sample.world import Fact, World

LETTERS = "ABCDEFG"


@dataclass(frozen=True, slots=True)
class Choice:
    """One question: stem, options by letter, the right letters, and the fact it asks."""

    stem: str
    options: dict[str, str]
    answer: str
    fact: Fact

    @property
    def question_type(self) -> str:
        """CMB's name for the kind of question."""
        return "多项选择题" if self.fact.relation.several else "单项选择题"

    def is_right(self, letters: str) -> bool:
        """Whether these are exactly the right letters."""
        return letters == self.answer


def ask(
    fact: Fact, world: World, rng: Random, count: int = 5, frames: wording.Frames = wording.PLAIN_FRAMES
) -> Choice:
    """A Chinese question with `count` options; the wrong ones come from the relation's own pool."""
    options = _options(fact, world, rng, count)
    return Choice(wording.stem(fact, rng, frames), options, _right(options, fact), fact)


def ask_en(fact: Fact, world: World, rng: Random, count: int = 5) -> Choice:
    """An English question with `count` options."""
    options = _options(fact, world, rng, count)
    return Choice(wording.stem_en(fact, rng), options, _right(options, fact), fact)


def _options(fact: Fact, world: World, rng: Random, count: int) -> dict[str, str]:
    others = [value for value in world.pools[fact.relation.values] if value not in fact.values]
    texts = [*fact.values, *rng.sample(others, count - len(fact.values))]
    rng.shuffle(texts)
    return dict(zip(LETTERS, texts, strict=False))


def _right(options: dict[str, str], fact: Fact) -> str:
    return "".join(letter for letter, text in options.items() if text in fact.values)
