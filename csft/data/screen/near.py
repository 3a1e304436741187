"""Of each group of near duplicates the first is kept.

In every band those with the same hash form a bucket, in their order. Each is compared with the few before
it in its buckets, or rather with whom those were left out for; so a group of any size costs one comparison
each, and whoever is left out is like somebody who is kept. Buckets of many that are not alike (boilerplate)
are looked through `STEPS` back and `COMPARED` in all, those first that share most bands.

Memory: 4 bytes per conversation and band, and a chunk of candidates at a time.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from csft.data.screen.grams import Hashes
from csft.data.screen.lookup import Rows

STEPS = 4
COMPARED = 16
CHUNK = 1 << 16

Before = NDArray[np.int32]


def keep_first(
    bands: Iterable[Hashes], similarity: Callable[[int, int], float], groups: Rows | None = None
) -> tuple[Rows, NDArray[np.float32]]:
    """Per item the one it is left out for, or -1, and how alike they are.

    `bands` gives each band's hashes of all items. With `groups` (non-decreasing) only items of different
    groups are compared. `similarity(item, earlier)` is 0 for two that are not alike.
    """
    before = [_before(band, groups) for band in bands]
    size = len(before[0]) if before else 0
    match, share = np.full(size, -1), np.zeros(size, np.float32)
    for begin in range(0, size, CHUNK):
        for item, earlier in _candidates(before, np.arange(begin, min(begin + CHUNK, size))):
            tried: set[int] = set()
            for other in earlier:
                kept = int(match[other]) if match[other] >= 0 else other
                if kept not in tried and (alike := similarity(item, kept)):
                    match[item], share[item] = kept, alike
                    break
                tried.add(kept)
    return match, share


def _before(band: Hashes, groups: Rows | None) -> Before:
    """Per item the last one before it in its bucket, of an earlier group if there are groups; or -1."""
    order = np.argsort(band, kind="stable").astype(np.int32)
    band = band[order]
    run = np.arange(len(order))
    if groups is not None:
        group = groups[order]
        fresh = np.ones(len(order), np.bool_)
        fresh[1:] = (band[1:] != band[:-1]) | (group[1:] != group[:-1])
        run = np.maximum.accumulate(np.where(fresh, run, 0))
    last = np.maximum(run - 1, 0)
    same = (run > 0) & (band[last] == band)
    before = np.full(len(order), -1, np.int32)
    before[order[same]] = order[last[same]]
    return before


def _candidates(before: list[Before], items: Rows) -> Iterator[tuple[int, list[int]]]:
    """Whom each of `items` is to be compared with, if anybody: those first that it meets most often."""
    found = []
    for band in before:
        item, other = items, band[items]
        for _ in range(STEPS):
            item, other = item[other >= 0], other[other >= 0]
            found.append(item * len(band) + other)
            other = band[other]
    pairs, met = np.unique(np.concatenate(found), return_counts=True)
    item, other = np.divmod(pairs, max(len(before[0]), 1))
    order = np.lexsort((other, -met, item))
    listed = zip(item[order].tolist(), other[order].tolist(), strict=True)
    for one, group in groupby(listed, key=itemgetter(0)):
        yield one, [earlier for _, earlier in group][:COMPARED]
