"""Finding the few of many hashes that a table knows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from csft.data.screen.grams import Hashes

Rows = NDArray[np.int64]

BITS = 22  # of the sieve: 4 MB, which a processor's cache holds, for some 200,000 keys


class Lookup:
    """A map from a hash to every row that was put in under it.

    A sieve of one byte per possible lowest `BITS` bits turns most strangers away before the binary search.
    """

    def __init__(self, keys: Hashes, rows: Rows) -> None:
        order = np.argsort(keys, kind="stable")
        self._rows = rows[order]
        self._keys, self._first, self._count = np.unique(keys[order], return_index=True, return_counts=True)
        self._sieve = np.zeros(1 << BITS, np.bool_)
        self._sieve[self._low(keys)] = True

    def find(self, hashes: Hashes) -> tuple[Rows, Rows]:
        """Places in `hashes`, in order, whose hash is a key, and the key's number."""
        likely = np.flatnonzero(self._sieve[self._low(hashes)])
        wanted = hashes[likely]
        key = np.minimum(np.searchsorted(self._keys, wanted), max(len(self._keys) - 1, 0))
        known = self._keys[key] == wanted if len(self._keys) else np.zeros(0, np.bool_)
        return likely[known], key[known]

    def rows(self, keys: Rows) -> tuple[Rows, Rows]:
        """The rows put in under some keys, and how many each key has."""
        return self._rows[spans(self._first[keys], self._count[keys])], self._count[keys]

    def matrix(self, width: int) -> Any:
        """Which key leads to which of `width` rows, as a sparse matrix of ones."""
        from scipy.sparse import csr_array

        ends = np.concatenate([self._first, [len(self._rows)]])
        ones = np.ones(len(self._rows), np.int32)
        return csr_array((ones, self._rows, ends), shape=(len(self._keys), width))

    @staticmethod
    def _low(hashes: Hashes) -> Rows:
        return (hashes & np.uint64((1 << BITS) - 1)).astype(np.int64)


def spans(first: Rows, count: Rows) -> Rows:
    """`first[0], first[0] + 1, …` up to `count[0]` of them, then those of `first[1]`, and so on."""
    before = np.cumsum(count) - count
    return np.repeat(first - before, count) + np.arange(int(count.sum()))
