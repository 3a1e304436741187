"""What each parameter does to the score on `select`, the others held equal (`fitting`)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from csft.report.analysis import Effect, Level
from csft.report.analysis.axes import LEVELS, LINE, Axis, axes, datasets, plain, score, scored
from csft.report.analysis.fitting import Estimate, Fit, fit, needed
from csft.report.study_data import StudyData, Trial


@dataclass(frozen=True)
class Effects:
    """The effects, and the model behind them; `fit` None where the trials are too few for any."""

    effects: tuple[Effect, ...]
    fit: Fit | None
    trials: tuple[Trial, ...]  # those it was fitted to
    scores: tuple[float, ...]  # theirs on select
    axes: tuple[Axis, ...]  # all parameters that they have

    def of(self, parameter: str) -> Effect | None:
        """The effect of a parameter that can be told; of several under conditions, of the most trials.

        `lr` finds `lr (tune=full)` too.
        """
        found = [one for one in self.effects if one.levels and plain(one.parameter) == parameter]
        return max(found, key=lambda one: self._trials(one.parameter), default=None)

    def _trials(self, parameter: str) -> int:
        return sum(parameter in one.params for one in self.trials)


def effects(data: StudyData) -> Effects:
    """Effects of all parameters, and of each dataset's presence where mixes are listed and it can be told."""
    trials = scored(data)
    scores = [percent for one in trials if (percent := score(one)) is not None]
    every = axes(data, trials)
    varied = [axis for axis in every if len(axis.levels) > 1]
    fitted = fit(varied, scores) if varied else None
    found = [_effect(axis, fitted, varied, scores) for axis in every]
    shares = datasets(trials, every)
    if shares:
        instead = [*shares, *(axis for axis in varied if not (axis.mixes and not axis.numeric))]
        of_shares = fit(instead, scores)
        told = [_effect(axis, of_shares, instead, scores) for axis in shares] if of_shares else []
        found += [one for one in told if one.levels]
    return Effects(tuple(found), fitted, trials, tuple(scores), tuple(every))


def extremes(fitted: Fit, effect: Effect) -> tuple[Estimate, int]:
    """Best level less worst, with an interval that allows for having looked for them; and the dimensions."""
    best = max(effect.levels, key=lambda one: one.mean).value
    worst = min(effect.levels, key=lambda one: one.mean).value
    row = fitted.row(effect.parameter, best) - fitted.row(effect.parameter, worst)
    dimensions = max(fitted.without(effect.parameter)[1], 1)
    return fitted.simultaneous(row, dimensions), dimensions


def _effect(axis: Axis, fitted: Fit | None, varied: Sequence[Axis], scores: Sequence[float]) -> Effect:
    why = _untold(axis, fitted, varied, scores)
    if why or fitted is None:
        return Effect(axis.name, axis.numeric, axis.log, (), None, None, note=why)
    levels = tuple(_level(axis, value, fitted) for value in axis.shown())
    p, _ = fitted.without(axis.name)
    means = [one.mean for one in levels]
    found = Effect(axis.name, axis.numeric, axis.log, levels, p, max(means) - min(means), _form(axis, fitted))
    apart, _ = extremes(fitted, found)
    return replace(found, span_low=max(apart.low, 0.0), span_high=apart.high)


def _level(axis: Axis, value: str | float, fitted: Fit) -> Level:
    mean = fitted.estimate(fitted.row(axis.name, value))
    trials = axis.values.count(value) if axis.listed or not axis.numeric else 0
    return Level(value, trials, mean.value, mean.low, mean.high)


def _untold(axis: Axis, fitted: Fit | None, varied: Sequence[Axis], scores: Sequence[float]) -> str:
    """Why an effect cannot be told; empty where it can."""
    import numpy as np

    if len(axis.levels) < 2:
        return f"every scored trial that has it has {axis.levels[0]}"
    if fitted is None:
        return (
            f"{len(scores)} scored trials are too few to tell what they vary apart from noise; "
            f"about {needed(varied)} are needed"
        )
    if max(scores) == min(scores):
        return "all trials score alike"
    if fitted.noiseless:
        return "nothing is left from which its uncertainty could be told"
    if not fitted.told(np.array([fitted.row(axis.name, value) for value in axis.shown()])):
        return "it changed together with other parameters, from which it cannot be told apart"
    return ""


def _form(axis: Axis, fitted: Fit) -> str:
    form = axis.form(fitted.detail)
    if form == LEVELS:
        return ""
    of = f"fitted as a {'straight line' if form == LINE else 'curve of second order'}"
    on = " over a logarithmic axis" if axis.log else ""
    few = (
        ", as the trials are too few for more" if fitted.detail < 2 and (form == LINE or axis.listed) else ""
    )
    return of + on + few
