"""Exam stems inside a text, after normalisation and to the letter.

A stem too short to stand on its own, or one that recurs in the exams with other options ("which of the
following is true"), is looked for together with its lettered options. Each is found through one anchor, the
run of `GRAM` characters that the fewest stems hold; what stands around the anchor is then compared.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from csft.cmb import Question
from csft.data.screen.grams import rolling
from csft.data.screen.lookup import Lookup, Rows
from csft.data.screen.plain import Plain, Units, normalise, plain

GRAM = 6
SHORTEST = 8  # characters of a stem, options included, that is looked for at all
MIN_WEIGHT = 8.0  # a CJK character weighs 1, any other half: 8 characters of Chinese, 16 of English


class Stems:
    """Finds the exam question whose stem a text holds."""

    def __init__(self, questions: Sequence[Question]) -> None:
        needles = _needles(questions)
        self._rows = list(needles.values())
        self._needles = plain(list(needles))
        self._hashes = [rolling(self._units(number), GRAM)[: 1 - GRAM] for number in range(len(needles))]
        frequency = Counter(value for hashes in self._hashes for value in set(hashes.tolist()))
        places = [min(range(len(h)), key=lambda at: frequency[int(h[at])]) for h in self._hashes]
        anchors = [h[at] for h, at in zip(self._hashes, places, strict=True)]
        self._places = places
        self._lookup = Lookup(np.array(anchors, np.uint64), np.arange(len(anchors)))

    def find(self, texts: Plain) -> Rows:
        """Per text the first question, by number, whose stem it holds, or -1."""
        none = max(self._rows, default=-1) + 1
        row = np.full(len(texts), none)
        places, keys = self._lookup.find(rolling(texts.units, GRAM))
        needles, count = self._lookup.rows(keys)
        places = np.repeat(places, count)
        owner = np.searchsorted(texts.start, places, "right") - 1
        for place, needle, text in zip(places.tolist(), needles.tolist(), owner.tolist(), strict=True):
            if self._rows[needle] < row[text] and self._stands(texts, text, place, needle):
                row[text] = self._rows[needle]
        return np.where(row < none, row, -1)

    def _stands(self, texts: Plain, text: int, place: int, needle: int) -> bool:
        units = self._units(needle)
        begin = place - self._places[needle]
        end = begin + len(units)
        if begin < texts.start[text] or end > texts.start[text + 1]:
            return False
        return bool((texts.units[begin:end] == units).all())

    def _units(self, needle: int) -> Units:
        start = self._needles.start
        return self._needles.units[start[needle] : start[needle + 1]]


def _needles(questions: Sequence[Question]) -> dict[str, int]:
    """Text to look for -> the number of the first question that has it."""
    seen_with: dict[str, set[str]] = defaultdict(set)
    stems = [normalise(question.question) for question in questions]
    for stem, question in zip(stems, questions, strict=True):
        seen_with[stem].add(normalise("".join(question.options.values())))
    needles: dict[str, int] = {}
    for number, (stem, question) in enumerate(zip(stems, questions, strict=True)):
        needle = stem
        if weight(stem) < MIN_WEIGHT or len(seen_with[stem]) > 1:
            needle += normalise("".join(letter + text for letter, text in question.options.items()))
        if len(needle) >= SHORTEST:
            needles.setdefault(needle, number)
    return needles


def weight(text: str) -> float:
    """How much a text says, in Chinese characters."""
    return sum(1.0 if ord(char) > 0x2E7F else 0.5 for char in text)
