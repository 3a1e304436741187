"""Texts as they are compared: NFKC, case folded, letters and digits alone.

A whole batch of texts is normalised in one go and laid out flat, which costs a tenth of going text by text:

    units  [t0 t0 t0 t0|t1 t1|t2 t2 t2 ...]   UTF-16 code units of all texts, one after the other
    start  where each text begins, and where the last one ends
    lines  where a line or a lettered option begins inside the texts

The letter of an option at the start of a line or after a blank (`A: `, `B. `, `C、`) is a line of its own.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Units = NDArray[np.uint16]
Places = NDArray[np.int64]

_NOT_WORD = re.compile(r"[\W_]+")
_ASTRAL_NOT_WORD = re.compile("(?=[\U00010000-\U0010ffff])[\\W_]")
# The letter comes first in the pattern, so that the search skips from capital to capital.
_OPTION = re.compile(r"[A-H](?<![^\s\0].)[.:、)]")
_WORD, _LINE, _TEXT = 1, 2, 3


@dataclass(frozen=True)
class Plain:
    """Normalised texts laid end to end; `start` has one place more than there are texts."""

    units: Units
    start: Places
    lines: Places

    def __len__(self) -> int:
        return len(self.start) - 1

    def text(self, number: int) -> str:
        """One of the texts."""
        return decode(self.units[self.start[number] : self.start[number + 1]])


def normalise(text: str) -> str:
    """NFKC, case folded, without blanks, punctuation and symbols."""
    return _NOT_WORD.sub("", unicodedata.normalize("NFKC", text).casefold())


def plain(texts: Sequence[str]) -> Plain:
    """Normalise texts that hold valid Unicode; each comes out as `normalise` has it."""
    joined = "\0".join(texts)
    if joined.count("\0") != max(len(texts) - 1, 0):
        joined = "\0".join(text.replace("\0", " ") for text in texts)
    joined = _OPTION.sub(r"\n\g<0>\n", unicodedata.normalize("NFKC", joined)).casefold()
    encoded = joined.encode("utf-16-le")
    if len(encoded) > 2 * len(joined):
        encoded = _ASTRAL_NOT_WORD.sub("", joined).encode("utf-16-le")
    units = np.frombuffer(encoded, "<u2").astype(np.uint16, copy=False)
    kind = _kinds()[units]
    word = kind == _WORD
    end = np.cumsum(word)
    start = np.concatenate([[0], end[kind == _TEXT], end[-1:]]) if texts else np.zeros(1)
    return Plain(units[word], _pad(start.astype(np.int64), len(texts) + 1), np.unique(end[kind == _LINE]))


def decode(units: Units) -> str:
    """The text of some code units."""
    return units.astype("<u2", copy=False).tobytes().decode("utf-16-le", errors="replace")


def _pad(start: Places, size: int) -> Places:
    """Texts without one character leave no unit behind to count by."""
    return np.concatenate([start, np.zeros(size - len(start), np.int64)])


@cache
def _kinds() -> NDArray[np.uint8]:
    """What each UTF-16 unit is. Surrogates count as words: astral symbols are gone before this is asked."""
    signs = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x10000))))
    kinds = np.zeros(0x10000, np.uint8)
    kinds[[ord(sign) for sign in _NOT_WORD.sub("", signs)]] = _WORD
    kinds[0xD800:0xE000] = _WORD
    kinds[[ord("\n"), ord("\r")]] = _LINE
    kinds[0] = _TEXT
    return kinds
