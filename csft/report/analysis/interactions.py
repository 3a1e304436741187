"""Whether what one parameter does depends on another."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, pairwise, product
from typing import TYPE_CHECKING

from csft.report.analysis import Interaction
from csft.report.analysis.axes import LEVELS, Axis
from csft.report.analysis.effects import Effects
from csft.report.analysis.fitting import LEAST, Fit
from csft.report.analysis.holm import holm
from csft.study.domains import Value

if TYPE_CHECKING:
    from csft.report.analysis.fitting import Array

THIRDS = 3
FEW = "the trials are too few to tell"


@dataclass(frozen=True)
class _Bins:
    """What stands for a value in a cell: itself, or its third of the interval."""

    axis: Axis

    @cached_property
    def labels(self) -> tuple[str | float, ...]:
        """All there are, in order."""
        if self.axis.listed or not self.axis.numeric:
            return self.axis.levels
        ends = [self.axis.between(step / THIRDS) for step in range(THIRDS + 1)]
        return tuple(f"{low:.3g} to {high:.3g}" for low, high in pairwise(ends))

    @cached_property
    def of(self) -> dict[Value, str | float]:
        """Which stands for each value."""
        if self.labels is self.axis.levels:
            return {value: value for value in self.axis.levels}
        inner = [self.axis.between(step / THIRDS) for step in range(1, THIRDS)]
        return {value: self.labels[bisect_left(inner, float(value))] for value in self.axis.levels}


def interactions(found: Effects) -> tuple[Interaction, ...]:
    """Every pair of parameters that vary, in the study's order; none where no model could be fitted."""
    if found.fit is None:
        return ()
    pairs = list(combinations(found.fit.axes, 2))
    tested = [_pair(one, other, found.fit) for one, other in pairs]
    told = [pair.p for pair in tested if pair.p is not None]
    adjusted = iter(holm(told))
    return tuple(pair if pair.p is None else replace(pair, p=next(adjusted)) for pair in tested)


def _pair(one: Axis, other: Axis, fitted: Fit) -> Interaction:
    import numpy as np

    cells = _cells(one, other, fitted.score_N)
    untold = Interaction((one.name, other.name), None, cells, FEW)
    bigger = replace(fitted, design_NK=np.hstack([fitted.design_NK, _products(one, other, fitted)]))
    if fitted.noiseless or bigger.left < LEAST or bigger.noiseless:
        return untold
    p, dimensions = bigger.against(fitted.design_NK)
    return replace(untold, p=p, note="") if dimensions else untold


def _products(one: Axis, other: Axis, fitted: Fit) -> "Array":
    """Columns that are there where the two do not simply add up; of a curve its slope alone."""
    import numpy as np

    mine, theirs = (
        fitted.design_NK[:, fitted.blocks[axis.name]][:, : None if axis.form(fitted.detail) == LEVELS else 1]
        for axis in (one, other)
    )
    return np.asarray((mine[:, :, None] * theirs[:, None, :]).reshape(len(mine), -1))


def _cells(
    one: Axis, other: Axis, scores: "Array | Sequence[float]"
) -> dict[tuple[str | float, str | float], tuple[float, int]]:
    """Mean score and number of trials per pair of values, in the order of the values."""
    mine, theirs = _Bins(one), _Bins(other)
    found: dict[tuple[str | float, str | float], list[float]] = {
        cell: [] for cell in product(mine.labels, theirs.labels)
    }
    for left, right, score in zip(one.values, other.values, scores, strict=True):
        if left is not None and right is not None:
            found[mine.of[left], theirs.of[right]].append(float(score))
    return {cell: (sum(values) / len(values), len(values)) for cell, values in found.items() if values}
