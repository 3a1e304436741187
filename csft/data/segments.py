"""Token ids of short segments of text that come again and again: the tokenizer's own, several times as fast.

Text is cut where `csft.data.cuts` allows it. A segment's ids are looked up: by its characters packed into a
number while there are at most four, in a dictionary otherwise, and the tokenizer is asked when it is new.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np

from csft.data.cuts import SEPARATOR, Array, Cuts

WINDOW = 1 << 20  # characters worked on together: some 60 MB of arrays
MEMO = 1 << 18  # segments remembered: 50 MB
_SLOTS = 19  # bits
_LONG, _NONE = np.uint64(2**64 - 1), np.uint64(2**64 - 2)  # what no segment is packed into


class Segments:
    """Encodes texts with a fast tokenizer's backend, whose `cuts` are given."""

    _ids: Array
    _begins: Array
    _counts: Array

    def __init__(self, backend: Any, cuts: Cuts) -> None:
        self._backend, self.cuts = backend, cuts
        self._forget()

    def encode(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """Ids of all texts in a row (uint32), and how many each has (int64)."""
        tokens, lengths = [np.empty(0, np.uint32)], np.zeros(len(texts), np.int64)
        for numbers, group in self._groups(texts):
            ids, counts = self._encode(group)
            tokens.append(ids)
            np.add.at(lengths, numbers, counts)
        return np.concatenate(tokens), lengths

    def _groups(self, texts: Sequence[str]) -> Iterator[tuple[list[int], list[str]]]:
        """Texts, or parts of long ones, with their numbers; about a window of characters at a time."""
        numbers: list[int] = []
        group: list[str] = []
        room = WINDOW
        for number, text in enumerate(texts):
            for part in self.cuts.windows(text, WINDOW):
                if len(part) > room and group:
                    yield numbers, group
                    numbers, group, room = [], [], WINDOW
                numbers.append(number)
                group.append(part)
                room -= len(part) + 1
        if group:
            yield numbers, group

    def _encode(self, texts: list[str]) -> tuple[Array, Array]:
        if len(self._numbers) > MEMO or len(self._ids) > 8 * MEMO:
            self._forget()
        text = SEPARATOR.join((*texts, ""))
        codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        starts = self.cuts.starts(text, codes)
        rows = self._look_up(text, codes, starts)
        ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1) - 1
        separators = np.searchsorted(starts, ends)
        counts = self._counts[rows]
        counts[separators] = 0
        through = np.cumsum(counts)
        tokens = self._ids[np.repeat(self._begins[rows] - through + counts, counts) + np.arange(through[-1])]
        return tokens, np.diff(through[separators], prepend=0)

    def _look_up(self, text: str, codes: Array, starts: Array) -> Array:
        """The row of each segment in the tables of ids; new segments are learned."""
        widths = np.diff(starts, append=len(text))
        keys = _packed(codes, starts, widths)
        slots = (keys * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - _SLOTS)
        rows = np.where(self._slot_keys[slots] == keys, self._slot_rows[slots], -1)
        rest = np.flatnonzero(rows < 0)
        known = len(self._numbers)
        begins, ends = starts[rest], starts[rest] + widths[rest]
        words = [text[a:b] for a, b in zip(begins.tolist(), ends.tolist(), strict=True)]
        rows[rest] = np.fromiter(map(self._numbers.__getitem__, words), np.int64, len(rest))
        if fresh := len(self._numbers) - known:
            self._learn([*islice(reversed(self._numbers), fresh)][::-1])
        short = rest[keys[rest] != _LONG]
        self._slot_keys[slots[short]], self._slot_rows[slots[short]] = keys[short], rows[short]
        return rows

    def _learn(self, words: list[str]) -> None:
        """Tokenise new segments and add them to the tables; all at once, as each call has its price."""
        ids = np.array(self._backend.encode(SEPARATOR.join((*words, "")), add_special_tokens=False).ids)
        ends = np.flatnonzero(ids == self._ids[0])
        if len(ends) != len(words):  # one of them spells out the name of the separator's token
            each = [encoding.ids for encoding in self._backend.encode_batch(words, add_special_tokens=False)]
            ids = np.array([token for own in each for token in (*own, 0)])
            ends = np.cumsum([len(own) + 1 for own in each]) - 1
        counts = np.diff(ends, prepend=-1) - 1
        self._begins = np.concatenate([self._begins, len(self._ids) + ends - counts])
        self._counts = np.concatenate([self._counts, counts])
        self._ids = np.concatenate([self._ids, ids.astype(np.uint32)])

    def _forget(self) -> None:
        """Start with the separator alone, as segment 0 and id 0 of the tables."""
        self._numbers = _Numbers({SEPARATOR: 0})
        self._slot_keys = np.full(1 << _SLOTS, _NONE)
        self._slot_rows = np.zeros(1 << _SLOTS, np.int32)
        separator = self._backend.encode(SEPARATOR, add_special_tokens=False).ids
        self._ids = np.array(separator, np.uint32)
        self._begins = np.zeros(1, np.int64)
        self._counts = np.ones(1, np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        return Segments, (self._backend, self.cuts)  # what was learned stays here


class _Numbers(dict[str, int]):
    """Numbers its keys in the order they are first asked for."""

    def __missing__(self, key: str) -> int:
        self[key] = number = len(self)
        return number


def _packed(codes: Array, starts: Array, widths: Array) -> Array:
    """Segments of up to four characters of 16 bits as numbers, others as `_LONG`."""
    keys = np.zeros(len(starts), np.uint64)
    long = widths > 4
    for place in range(4):
        part = codes[np.minimum(starts + place, len(codes) - 1)].astype(np.uint64)
        part[widths <= place] = 0
        long |= part >= 0xFFFF
        keys |= part << np.uint64(16 * place)
    keys[long] = _LONG
    return keys
