"""When a parameter is there at all: `tune=lora|qlora, tune.targets=linear`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from csft.errors import SettingError
from csft.study.domains import same

FORM = "a condition such as tune=lora, tune=lora|qlora, or several joined by commas"
# Commas and bars inside brackets belong to a list such as mix=[exam,dialogue].
OUTSIDE = r"(?![^\[\]]*\])"


@dataclass(frozen=True)
class Condition:
    """Terms that all have to hold: each names a setting and the texts it may have. No terms: always."""

    terms: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def holds(self, given: Mapping[str, str]) -> bool:
        """Whether the settings `given` (key to text) meet every term; a setting that is absent meets none."""
        return all(
            key in given and any(same(given[key], text) for text in texts) for key, texts in self.terms
        )

    def excludes(self, other: "Condition") -> bool:
        """Whether the two can never hold at once: they want different values of one setting."""
        wanted = dict(other.terms)
        return any(
            key in wanted and not any(same(text, their) for text in texts for their in wanted[key])
            for key, texts in self.terms
        )

    def as_record(self) -> dict[str, list[str]]:
        """As JSON."""
        return {key: list(texts) for key, texts in self.terms}

    @staticmethod
    def from_record(record: Mapping[str, Sequence[str]]) -> "Condition":
        """The condition that `as_record` wrote down."""
        return Condition(tuple(sorted((key, tuple(texts)) for key, texts in record.items())))

    def __str__(self) -> str:
        return ", ".join(f"{key}={'|'.join(texts)}" for key, texts in self.terms)


ALWAYS = Condition()


def read(text: str) -> Condition:
    """The condition a text says; a plus sign (`+mix=full`) is as good as none. Raises SettingError."""
    terms = []
    for term in re.split("," + OUTSIDE, text):
        key, separator, values = term.strip().lstrip("+").partition("=")
        texts = tuple(value.strip() for value in re.split(r"\|" + OUTSIDE, values))
        if not (separator and key.strip() and all(texts)):
            raise SettingError("hydra.sweeper.when", text, FORM)
        terms.append((key.strip(), texts))
    return _joined(text, terms)


def _joined(text: str, terms: Sequence[tuple[str, tuple[str, ...]]]) -> Condition:
    if len({key for key, _ in terms}) < len(terms):
        raise SettingError("hydra.sweeper.when", text, "each setting once; values of one are joined by |")
    return Condition(tuple(sorted(terms)))
