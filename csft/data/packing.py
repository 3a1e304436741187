"""Filling rows with several records each, as LLaMA-Factory packs them (0.9.5, `packing`, `neat_packing`).

Row by row: the longest record left, then again and again the longest that still fits; among records of equal
length the last one comes first. This is done for `GROUP` records at a time, the peer's preprocessing batch.

    lengths 5 4 3 3 2, capacity 8     row 0: 5 3     row 1: 4 3     row 2: 2
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from csft.data.encoding import IGNORED
from csft.errors import SettingError

GROUP = 1000  # records


def fill_rows(
    lengths: NDArray[np.integer] | Sequence[int], capacity: int, group: int = GROUP
) -> list[list[int]]:
    """Rows of record numbers with at most `capacity` tokens each; every record once."""
    sizes = np.asarray(lengths).tolist()
    if sizes and max(sizes) > capacity:
        raise SettingError("cutoff", capacity, f"at least the longest record's {max(sizes)} tokens")
    return [row for at in range(0, len(sizes), group) for row in _fill(sizes[at : at + group], capacity, at)]


def _fill(sizes: list[int], capacity: int, offset: int) -> list[list[int]]:
    waiting: dict[int, list[int]] = {}
    for number, size in enumerate(sizes, offset):
        waiting.setdefault(size, []).append(number)
    left = sorted(waiting)  # lengths of which a record waits
    rows = []
    while left:
        row, room = [], capacity
        while at := bisect_right(left, room):
            size = left[at - 1]
            row.append(waiting[size].pop())
            room -= size
            if not waiting[size]:
                del left[at - 1]
        rows.append(row)
    return rows


def llamafactory_row(
    records: Sequence[Mapping[str, Sequence[int]]], cutoff: int, pad_id: int, *, neat: bool = False
) -> dict[str, list[int]]:
    """One packed row as LLaMA-Factory lays it out, padded to `cutoff` tokens; its records have one less.

    Only `neat` rows keep attention inside a record: their `attention_mask` numbers the records from 1, while
    a plain row's is 1 throughout, padding included. csft trains on what `csft.data.batches.collate` makes.
    """
    ids = [token for record in records for token in record["input_ids"]]
    labels = [label for record in records for label in record["labels"]]
    sizes = [len(record["input_ids"]) for record in records]
    positions = [at for size in sizes for at in range(size)]
    numbers = [number for number, size in enumerate(sizes, 1) for _ in range(size)]
    padding = cutoff - len(ids)
    if padding < 1:
        raise SettingError("cutoff", cutoff, f"more than the row's {len(ids)} tokens")
    return {
        "input_ids": ids + [pad_id] * padding,
        "attention_mask": numbers + [0] * padding if neat else [1] * cutoff,
        "position_ids": positions + [0] * padding,
        "labels": labels + [IGNORED] * padding,
    }
