"""Screened datasets compared with one another, by the same rules as records of one dataset."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from csft.data.screen.alike import Alike
from csft.data.screen.grams import Hashes
from csft.data.screen.lookup import Rows, spans
from csft.data.screen.near import keep_first
from csft.data.screen.sketches import Sketches
from csft.data.screen.verdicts import first_with


class Doubled(NamedTuple):
    """Records of one dataset that an earlier one has: which `row`, of what dataset `other` which row.

    `near` is False where they are the same to the letter. All arrays are as long; rows are in order.
    """

    row: Rows
    near: NDArray[np.bool_]
    other: Rows
    other_row: Rows
    share: NDArray[np.float32]


def compare(folders: Sequence[Path], threshold: float | None) -> list[Doubled]:
    """Per folder of screened records what the folders before it have already."""
    marks = [np.fromfile(folder / "marks.bin", "<u8").reshape(-1, 2) for folder in folders]
    start = np.cumsum([0, *map(len, marks)])
    match = first_with(np.concatenate(marks))
    match[match == np.arange(len(match))] = -1
    exact = match >= 0
    share = exact.astype(np.float32)
    if threshold is not None:
        _match_near(folders, start, threshold, match, share)
    return [_doubled(start, number, match, exact, share) for number in range(len(folders))]


def _match_near(
    folders: Sequence[Path], start: Rows, threshold: float, match: Rows, share: NDArray[np.float32]
) -> None:
    """Add the near duplicates of conversations that still have records of their own."""
    sketches = [Sketches(folder) for folder in folders]
    rows = np.concatenate([one.rows + np.array([at, 0]) for one, at in zip(sketches, start, strict=False)])
    first, count = rows[:, 0], rows[:, 1]
    free = np.concatenate([[0], np.cumsum(match < 0)])
    active = np.flatnonzero(free[first + count] > free[first])
    groups = np.repeat(np.arange(len(sketches)), [len(one) for one in sketches])[active]
    alike = Alike(sketches, threshold)
    twin, likeness = keep_first(
        (band[active] for band in _bands(sketches)),
        lambda one, other: alike(int(active[one]), int(active[other])),
        groups,
    )
    out = np.flatnonzero(twin >= 0)
    talk, other = active[out], active[twin[out]]
    row = spans(first[talk], count[talk])
    now = match[row] < 0
    match[row[now]] = np.repeat(first[other] + count[other] - 1, count[talk])[now]
    share[row[now]] = np.repeat(likeness[out], count[talk])[now]


def _bands(sketches: Sequence[Sketches]) -> Iterator[Hashes]:
    for number in range(max(one.bands for one in sketches)):
        yield np.concatenate([one.band(number) for one in sketches])


def _doubled(
    start: Rows, number: int, match: Rows, exact: NDArray[np.bool_], share: NDArray[np.float32]
) -> Doubled:
    here = slice(start[number], start[number + 1])
    row = np.flatnonzero(match[here] >= 0)
    matched = match[here][row]
    other = np.searchsorted(start, matched, "right") - 1
    return Doubled(row, ~exact[here][row], other, matched - start[other], share[here][row])
