"""Texts of the generated corpus: clauses, dealt out in the lengths of the real datasets.

A clause is a sentence frame with words filled in, a stock phrase, or a run of words from a tokenizer's
vocabulary, the frequent ones often and the rare ones rarely (Zipf's law). Runs give the corpus about as many
different words as real text of its size has, which is what a tokenizer's cache and near-duplicate screening
depend on.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from corpus_words import ASKED, FRAMES, JOIN, NOUNS, SLOTS, STOCK

BLOCK = 1 << 16  # random numbers drawn at a time: one by one they would cost more than the text
CLAUSES = 40_000  # that may come again; every longer text also has one of its own
STOCK_SHARE = 0.12  # of all clauses
RUN_SHARE = 0.5  # of the clauses that are no stock phrases
RUN = (2, 8)  # words
ZIPF_OFFSET = 30  # the most frequent words are not as frequent as Zipf's law alone says

_WORD = {"zh": re.compile("[一-鿿]+"), "en": re.compile("▁([a-z]{2,})")}
_BETWEEN = {"zh": "", "en": " "}


def vocabulary(folder: Path) -> dict[str, list[str]]:
    """Words of each language among a sentencepiece model's pieces, frequent ones first."""
    from sentencepiece import SentencePieceProcessor

    pieces = SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    texts = [pieces.id_to_piece(number) for number in range(pieces.get_piece_size())]
    found = {
        language: [match[match.lastindex or 0] for text in texts if (match := pattern.fullmatch(text))]
        for language, pattern in _WORD.items()
    }
    # single characters stand apart in a vocabulary: one of them for every three longer words
    single = iter([word for word in found["zh"] if len(word) == 1])
    longer = [word for word in found["zh"] if len(word) > 1]
    mixed = chain.from_iterable((*longer[at : at + 3], next(single, "")) for at in range(0, len(longer), 3))
    return {**found, "zh": [word for word in mixed if word]}


@dataclass(frozen=True)
class Length:
    """Log-normal lengths in characters: the median, and the spread of the logarithm."""

    median: float
    spread: float


class Speaker:
    """Deals out texts of one language, `zh` or `en`: the same ones for the same seed and words."""

    def __init__(self, language: str, seed: int, words: list[str]) -> None:
        self._join, self._stop = JOIN[language]
        self._between, self._words = _BETWEEN[language], words
        self._random = np.random.default_rng([seed, *language.encode()])
        self._chances = _endless(lambda: self._random.random(BLOCK))
        self._normal = _endless(lambda: self._random.standard_normal(BLOCK))
        weights = np.cumsum(1 / (ZIPF_OFFSET + np.arange(len(words))))
        self._ranks = _endless(lambda: np.searchsorted(weights, weights[-1] * self._random.random(BLOCK)))
        self._rng = Random(f"{seed} {language}")
        self._filler = _Filler(self._rng)
        self._asked, stock = ASKED[language], STOCK[language]
        self._pool = [*stock, *self._clauses(FRAMES[language])]
        self._picks = _endless(lambda: self._pick(len(stock)))
        self._mean = len(self._join) + sum(map(len, self._pool)) / len(self._pool)
        self._nouns = sorted({word for slot in NOUNS[language] for word in SLOTS[slot]})

    def say(self, length: Length) -> str:
        """A text of about that length."""
        pool, count = self._pool, self._count(length)
        clauses = [pool[at] for at in islice(self._picks, count)]
        if count > 1:
            clauses[-1] = self._run()
        return self._join.join(clauses) + self._stop

    def ask(self, length: Length) -> str:
        """An exam question without its options, of about that length; its clauses come nowhere else."""
        asked = self._asked[self.below(len(self._asked))].format_map(self._filler)
        return self._join.join([*(self._run() for _ in range(self._count(length))), asked])

    def options(self, count: int) -> list[str]:
        """Short texts, no two alike."""
        return self._rng.sample(self._nouns, count)

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit - 1`."""
        return int(limit * next(self._chances))

    def chance(self) -> float:
        """A number from 0 to 1."""
        return float(next(self._chances))

    def _count(self, length: Length) -> int:
        wanted = length.median * float(np.exp(length.spread * next(self._normal)))
        return max(1, round(wanted / self._mean))

    def _run(self) -> str:
        words, count = self._words, RUN[0] + self.below(RUN[1] - RUN[0] + 1)
        return self._between.join([words[at] for at in islice(self._ranks, count)])

    def _clauses(self, frames: list[str]) -> list[str]:
        made = (
            self._run() if self.chance() < RUN_SHARE else self._filler.fill(frames) for _ in range(CLAUSES)
        )
        return list(dict.fromkeys(made))  # a set would have another order in every process

    def _pick(self, stock: int) -> Any:
        at = self._random.integers(stock, len(self._pool), size=BLOCK)
        return np.where(self._random.random(BLOCK) < STOCK_SHARE, at % stock, at)


def _endless(draw: Callable[[], Any]) -> Iterator[Any]:
    return chain.from_iterable(iter(lambda: draw().tolist(), None))


class _Filler(dict[str, str]):
    """Fills each slot of a frame with a random word."""

    def __init__(self, rng: Random) -> None:
        super().__init__()
        self._rng = rng

    def fill(self, frames: list[str]) -> str:
        return self._rng.choice(frames).format_map(self)

    def __missing__(self, slot: str) -> str:
        if slot in ("n", "m"):
            return str(self._rng.randint(2, 60 if slot == "n" else 6))
        return self._rng.choice(SLOTS[slot])
