"""The values a parameter may take: words, listed numbers or an interval, and how Optuna sees each.

Numbers become numeric distributions, so that samplers know an order and the dashboard draws an axis. Optuna
knows evenly spaced numbers alone; of others each listed number gets the cell around it, as wide at the ends
as towards the neighbour; what a sampler proposes is moved to the number of its cell (`csft.study.snapping`):

    listed        64      128      256      512          log: cells of one width on a logarithmic axis
    cells     |---x---|---x----|---x----|---x----|
             45                                 724
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from csft.errors import DataError

Value = str | int | float
WIDE = 8  # two numbers so many times apart lie on a logarithmic axis; of more, the spacing says it
COARSE = 4  # whole numbers nearer than this have cells too unlike where only whole numbers are proposed


@dataclass(frozen=True)
class Choices:
    """One of several words, as they stand on the command line; Optuna sees them without an order."""

    texts: tuple[str, ...]

    def distribution(self) -> BaseDistribution:
        """Every word, each as likely."""
        return CategoricalDistribution(self.texts)

    def values(self) -> tuple[Value, ...]:
        """Every value."""
        return self.texts

    def snap(self, value: Value) -> Value:
        """The value itself: proposals are words already."""
        return value

    def text(self, value: Value) -> str:
        """The value as a command line has it."""
        return str(value)

    def nearest(self, text: str) -> Value | None:
        """The word that means the same, if there is one."""
        return next((listed for listed in self.texts if same(listed, text)), None)

    def apart(self, one: Value, other: Value) -> float:
        """How unlike two values are, from 0 to 1."""
        return float(one != other)

    def as_record(self) -> dict[str, Any]:
        """As JSON."""
        return {"choices": list(self.texts)}


@dataclass(frozen=True)
class Listed:
    """One of several numbers, in the order they were listed."""

    numbers: tuple[int | float, ...]
    log: bool

    def distribution(self) -> BaseDistribution:
        """Whole numbers by even steps where that gives the list, a range of cells otherwise."""
        ordered = sorted(self.numbers)
        gaps = [high - low for low, high in itertools.pairwise(ordered)]
        whole = all(isinstance(number, int) for number in ordered)
        if whole and len({*gaps}) <= 1 and (not self.log or len(gaps) <= 1):
            return IntDistribution(int(ordered[0]), int(ordered[-1]), step=int(gaps[0]) if gaps else 1)
        low, high = self._ends(ordered)
        if whole and min(gaps) >= COARSE:
            return IntDistribution(math.ceil(low), math.floor(high), log=self.log)
        return FloatDistribution(low, high, log=self.log)

    def values(self) -> tuple[Value, ...]:
        """Every number as Optuna keeps it."""
        return tuple(self.snap(number) for number in self.numbers)

    def snap(self, value: Value) -> Value:
        """The listed number in whose cell a proposal lies, of the distribution's type."""
        number = self._listed(float(value))
        return number if isinstance(self.distribution(), IntDistribution) else float(number)

    def text(self, value: Value) -> str:
        """The number as it was listed."""
        return repr(self._listed(float(value)))

    def nearest(self, text: str) -> Value | None:
        """The listed number nearest to a text; None if it is no number."""
        number = as_number(text)
        if number is None:
            return None
        return self.snap(min(max(number, min(self.numbers)), max(self.numbers)))

    def apart(self, one: Value, other: Value) -> float:
        """How unlike two values are, from 0 to 1."""
        if one == other:
            return 0.0
        whole = self._place(max(self.numbers)) - self._place(min(self.numbers))
        return abs(self._place(float(one)) - self._place(float(other))) / whole

    def as_record(self) -> dict[str, Any]:
        """As JSON."""
        return {"numbers": list(self.numbers), "log": self.log}

    def _listed(self, value: float) -> int | float:
        place = self._place(value)
        return min(self.numbers, key=lambda number: abs(self._place(number) - place))

    def _place(self, value: float) -> float:
        return math.log(value) if self.log else value

    def _ends(self, ordered: list[int | float]) -> tuple[float, float]:
        if len(ordered) == 1:
            return ordered[0], ordered[0]
        first, second, last_but_one, last = (self._place(ordered[i]) for i in (0, 1, -2, -1))
        ends = first - (second - first) / 2, last + (last - last_but_one) / 2
        return (math.exp(ends[0]), math.exp(ends[1])) if self.log else ends


@dataclass(frozen=True)
class Interval:
    """Any number from `low` to `high`, both included."""

    low: float
    high: float
    log: bool
    whole: bool

    def distribution(self) -> BaseDistribution:
        """Whole numbers or any, evenly spread on a linear or logarithmic axis."""
        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log)
        return FloatDistribution(self.low, self.high, log=self.log)

    def values(self) -> None:
        """None: there are too many to name."""

    def snap(self, value: Value) -> Value:
        """The proposal with four digits: more would make names of folders long and mean nothing."""
        if self.whole:
            return value
        number = float(value)
        if self.log:
            short = float(f"{number:.4g}")
        else:
            short = round(number, 3 - math.floor(math.log10(self.high - self.low)))
        return min(max(short, self.low), self.high)

    def text(self, value: Value) -> str:
        """The number, with every digit it has."""
        return repr(value)

    def nearest(self, text: str) -> Value | None:
        """The number of a text, or the end of the interval next to it; None if it is no number."""
        number = as_number(text)
        if number is None:
            return None
        number = min(max(number, self.low), self.high)
        return round(number) if self.whole else float(number)

    def apart(self, one: Value, other: Value) -> float:
        """How unlike two values are, from 0 to 1."""
        low, high, first, second = (
            math.log(float(value)) if self.log else float(value)
            for value in (self.low, self.high, one, other)
        )
        return abs(first - second) / (high - low)

    def as_record(self) -> dict[str, Any]:
        """As JSON."""
        return {"interval": [self.low, self.high], "log": self.log, "whole": self.whole}


Domain = Choices | Listed | Interval


def listed(numbers: tuple[int | float, ...], log: bool) -> Listed:
    """Numbers on a logarithmic axis where `log` asks for it, or where it makes their cells more alike."""
    if log or min(numbers) <= 0:
        return Listed(numbers, log)
    linear, logarithmic = _unevenness(numbers), _unevenness([math.log(number) for number in numbers])
    wide = max(numbers) / min(numbers) >= WIDE
    return Listed(numbers, logarithmic < linear or (wide and logarithmic == linear))


def _unevenness(places: Sequence[float]) -> float:
    """The widest gap in narrowest ones, without the noise of binary fractions."""
    gaps = [high - low for low, high in itertools.pairwise(sorted(places))]
    return round(max(gaps) / min(gaps), 9) if gaps else 1.0


def from_record(record: Mapping[str, Any]) -> Domain:
    """The domain that `as_record` wrote down."""
    match record:
        case {"choices": [*texts]}:
            return Choices(tuple(texts))
        case {"numbers": [*numbers], "log": bool(log)}:
            return Listed(tuple(numbers), log)
        case {"interval": [low, high], "log": bool(log), "whole": bool(whole)}:
            return Interval(low, high, log, whole)
    raise DataError(f"{record} is no parameter of a search space of this version of csft.")


def as_number(text: str) -> int | float | None:
    """The number a text says, None if it says none (`nan` says none)."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return None if math.isnan(number) else number
    return None


def same(text: str, other: str) -> bool:
    """Whether two texts mean one value: equal words, or equal numbers (`3`, `3.0`)."""
    if text == other:
        return True
    number = as_number(text)
    return number is not None and number == as_number(other)
