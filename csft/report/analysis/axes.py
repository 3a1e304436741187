"""What a study varies, as columns of values that a model of the scores can be made of.

Shapes: N scored trials, K columns.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from csft.errors import DataError
from csft.report.study_data import SELECT, StudyData, Trial
from csft.study.domains import WIDE, Interval, Value
from csft.study.parameter import Parameter, from_record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LISTED = 8  # so many different numbers at most are levels where nothing says whether they were listed
POINTS = 9  # along an interval
LEVELS, CURVE, LINE = "levels", "curve", "line"
SHARE, WITH, WITHOUT = "dataset ", "with", "without"


@dataclass(frozen=True)
class Axis:
    """A parameter over the scored trials; None where a trial does not have it."""

    name: str
    values: tuple[Value | None, ...]  # (N,)
    numeric: bool
    log: bool
    listed: bool  # a few values, each of interest by itself
    mixes: bool = False  # it says which datasets are trained on, or how much of each
    straight: bool = False  # on a line, however much the trials could tell

    @cached_property
    def levels(self) -> tuple[Value, ...]:
        """The values that occur: numbers in order, words as they first do."""
        there = dict.fromkeys(value for value in self.values if value is not None)
        return tuple(sorted(there, key=float)) if self.numeric else tuple(there)

    @property
    def there(self) -> tuple[bool, ...]:
        """Which trials have it, (N,)."""
        return tuple(value is not None for value in self.values)

    def form(self, detail: int) -> str:
        """How its effect is modelled: as fully as wanted (2), with numbers on curves (1) or lines (0)."""
        if not self.numeric or len(self.levels) <= 2:
            return LEVELS
        if self.straight or detail == 0:
            return LINE
        return LEVELS if self.listed and (detail == 2 or len(self.levels) == 3) else CURVE

    def shown(self) -> tuple[Value, ...]:
        """The values to tell the effect at: each of listed ones, else points along the interval."""
        if not self.numeric or self.listed:
            return self.levels
        return tuple(float(f"{self.between(step / (POINTS - 1)):.4g}") for step in range(POINTS))

    def between(self, share: float) -> float:
        """The number so far along the axis from its lowest to its highest."""
        low, high = self._place(self.levels[0]), self._place(self.levels[-1])
        place = low + (high - low) * share
        return math.exp(place) if self.log else place

    def code(self, value: Value | None, form: str) -> list[float]:
        """The columns of a value, (K,); all zero where it is absent."""
        if form == LEVELS:
            return [float(value == level) for level in self.levels[1:]]
        if value is None:
            return [0.0] * (2 if form == CURVE else 1)
        low, high = self._place(self.levels[0]), self._place(self.levels[-1])
        place = 2 * (self._place(value) - low) / (high - low) - 1  # −1 to 1: columns that are hardly alike
        return [place, place**2] if form == CURVE else [place]

    def columns(self, form: str) -> "NDArray[np.float64]":
        """The columns of all trials, (N, K)."""
        import numpy as np

        codes = {value: self.code(value, form) for value in set(self.values)}
        return np.array([codes[value] for value in self.values], float).reshape(len(self.values), -1)

    def _place(self, value: Value) -> float:
        return math.log(float(value)) if self.log else float(value)


def score(trial: Trial) -> float | None:
    """What effects are effects on: percent on `select`, the mean over a trial's seeds."""
    found = [run.result.scores[SELECT].total for run in trial.runs if SELECT in run.result.scores]
    return math.fsum(found) / len(found) if found else None


def scored(data: StudyData) -> tuple[Trial, ...]:
    """The finished trials with a score on `select`, those beyond a limit included."""
    return tuple(one for one in data.finished if score(one) is not None)


def axes(data: StudyData, trials: Sequence[Trial]) -> list[Axis]:
    """One per parameter that these trials have."""
    space = _space(data)
    return [
        _axis(name, tuple(one.params.get(name) for one in trials), data.scales.get(name), space.get(name))
        for name in data.parameters
        if any(name in one.params for one in trials)
    ]


def datasets(trials: Sequence[Trial], among: Sequence[Axis]) -> list[Axis]:
    """One per dataset that some trials train on and others do not, where a listed mix decides that."""
    if not any(axis.mixes and not axis.numeric for axis in among):
        return []
    drawn = [drawn_from(one) for one in trials]
    found = []
    for name in dict.fromkeys(name for one in drawn for name in one):
        values = tuple(WITH if name in one else WITHOUT for one in drawn)
        if len(set(values)) == 2:
            found.append(Axis(SHARE + name, values, numeric=False, log=False, listed=True, mixes=True))
    return found


def plain(parameter: str) -> str:
    """A parameter's name without its condition: `lr` of `lr (tune=full)`."""
    return parameter.partition(" (")[0]


def drawn_from(trial: Trial) -> tuple[str, ...]:
    """The datasets that a finished trial trained on."""
    drawn = trial.run.result.drawn if trial.run else []
    return tuple(str(one["dataset"]) for one in drawn if one.get("records"))


def _axis(name: str, values: tuple[Any, ...], scale: str | None, said: Parameter | None) -> Axis:
    there = [value for value in values if value is not None]
    numbers = all(_is_number(value) for value in there) and scale != "category"
    if not numbers:  # words, and lists that hold words or inf beside numbers
        values = tuple(value if value is None or isinstance(value, str) else str(value) for value in values)
    several = len(set(there))
    listed = not isinstance(said.domain, Interval) if said else several <= LISTED
    log = numbers and min(there) > 0 and (scale == "log" or (scale is None and _is_wide(there)))
    mixes = any(key.partition(".")[0] == "mix" for key in (said.sets if said else (name,)))
    return Axis(name, values, numbers, log, listed, mixes)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_wide(numbers: Sequence[float]) -> bool:
    return bool(max(numbers) / min(numbers) >= WIDE)


def _space(data: StudyData) -> Mapping[str, Parameter]:
    """The parameters as the study's record has them; empty where another version or software made it."""
    found = {}
    for name, said in dict(data.record.get("space") or {}).items():
        try:
            found[name] = from_record(name, said)
        except DataError:
            continue
    return found
