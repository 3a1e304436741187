"""Runs of n neighbouring characters, as 64-bit hashes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csft.data.screen.plain import Places, Plain, Units

Hashes = NDArray[np.uint64]

_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xBF58476D1CE4E5B9)


@dataclass(frozen=True)
class Grams:
    """The grams of flat texts in their order: text t has those from `start[t]` to `start[t + 1]`."""

    hashes: Hashes
    start: Places

    def of(self, text: int) -> Hashes:
        """One text's grams, in order, repeats included."""
        return self.hashes[self.start[text] : self.start[text + 1]]


def grams(texts: Plain, size: int) -> Grams:
    """Every run of `size` units inside a text; a text that is shorter is one gram."""
    begin, end = texts.start[:-1], texts.start[1:]
    hashes = rolling(texts.units, size)
    inside = np.ones(len(hashes), np.bool_)
    for back in range(1, size):
        inside[np.maximum(end - back, 0)[end > 0]] = False
    for length in range(1, size):
        short = begin[end - begin == length]
        hashes[short] = whole(texts.units, short, length)
        inside[short] = True
    count = np.concatenate([[0], np.cumsum(inside)])
    return Grams(hashes[inside], count[texts.start])


def rolling(units: Units, size: int) -> Hashes:
    """The hash of the `size` units from each place on; the last `size - 1` places hold no run."""
    hashes = np.zeros(len(units), np.uint64)
    count = max(len(units) - size + 1, 0)
    hashes[:count] = _hash([units[step : step + count] for step in range(size)])
    return hashes


def whole(units: Units, at: Places, length: int) -> Hashes:
    """The hash of the `length` units from each place of `at`; runs of other lengths hash otherwise."""
    return _hash([units[at + step] for step in range(length)])


def mix(values: Hashes) -> Hashes:
    """Spread the bits, so that any of them can be used alone."""
    values = (values ^ (values >> np.uint64(31))) * _MIX
    return values ^ (values >> np.uint64(29))


def _hash(columns: Sequence[Units]) -> Hashes:
    total = columns[0].astype(np.uint64) + np.uint64(len(columns) << 16)
    for column in columns[1:]:
        total *= _FACTOR
        total += column
    return mix(total)
