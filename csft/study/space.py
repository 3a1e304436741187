"""The search space of a study: parameters, some of which are there only under a condition.

It is written in Hydra's sweep syntax, on the command line or in a sweep file:

    hydra:
      sweeper:
        params:
          +mix: full                                     one value: the same in every trial
          cutoff: 128,256,512                            a list; numbers keep their order
          lr: tag(log, interval(1e-5, 1e-3))             an interval
          tune: full,lora                                a group; glob(*) takes all its options
          weight.dialogue:                               one number for several settings
            settings: [mix.datasets.discmed, mix.datasets.medicaldialog]
            values: interval(0, 4)
          diversity:                                     names for bundles of words
            all: +mix=full
            without_cmb: +mix=full mix.datasets.cmb=0
        when:
          tune=lora:                                     only in trials with tune=lora
            tune.rank: 8,16,32
            lr: tag(log, interval(1e-4, 1e-2))           instead of the interval above

What the command line says of a setting replaces what the file says of it.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna import Trial

from csft.errors import DataError
from csft.study import parameter
from csft.study.domains import Interval, Value
from csft.study.nearest import nearest
from csft.study.parameter import Parameter
from csft.study.reading import read_space


@dataclass(frozen=True)
class Space:
    """What trials of a study may differ in. A parameter comes after those that its condition asks of."""

    parameters: tuple[Parameter, ...] = ()

    def suggest(self, trial: Trial) -> list[str]:
        """The words of a trial, every value proposed by the study's sampler."""
        return self._walk(lambda item: item.suggest(trial))[1]

    def words(self, params: Mapping[str, Any]) -> list[str]:
        """The words that gave a trial these params. Raises DataError where one is missing."""
        return self._walk(lambda item: _taken(params, item))[1]

    def settings(self) -> list[dict[str, Any]] | None:
        """The params of every trial there can be, always in the same order; None if there is an interval."""
        if any(isinstance(item.domain, Interval) for item in self.parameters):
            return None
        return [params for params, _ in _settings(self.parameters, {}, {})]

    def size(self) -> int | None:
        """How many settings there are, without making them; None if there is an interval."""
        asked = {key for item in self.parameters for key in item.needs}
        free = [item for item in self.parameters if not item.needs and asked.isdisjoint(_names(item))]
        bound = [item for item in self.parameters if item not in free]
        counts = [len(values) for item in free if (values := item.domain.values()) is not None]
        if len(counts) < len(free) or any(isinstance(item.domain, Interval) for item in bound):
            return None
        return math.prod(counts) * sum(1 for _ in _settings(bound, {}, {}))

    @property
    def keys(self) -> tuple[str, ...]:
        """Every setting that some trial sets, without plus signs."""
        return tuple(dict.fromkeys(key for item in self.parameters for key in item.sets))

    def named(self, name: str) -> Parameter:
        """The parameter under a name in Optuna. Raises DataError if there is none."""
        for item in self.parameters:
            if item.name == name:
                return item
        raise DataError(f"{name} is no parameter of this study: {', '.join(p.name for p in self.parameters)}")

    def as_record(self) -> dict[str, Any]:
        """As JSON, parameter by parameter under its name; equal spaces give equal records."""
        return {item.name: item.as_record() for item in self.parameters}

    @staticmethod
    def from_record(record: Mapping[str, Any]) -> "Space":
        """The space that `as_record` wrote down. Raises DataError for anything else."""
        return Space(tuple(parameter.from_record(name, item) for name, item in record.items()))

    def nearest(self, words: Sequence[str], base: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """A starting point given as words, as params inside the space, and what had to be moved.

        What `words` do not name is taken from `base`, the composed configuration.
        """
        return nearest(self.parameters, words, base)

    def _walk(self, pick: Callable[[Parameter], Value]) -> tuple[dict[str, Value], list[str]]:
        params: dict[str, Value] = {}
        given: dict[str, str] = {}
        words: list[str] = []
        for item in self.parameters:
            if item.is_there(given):
                params[item.name] = pick(item)
                given |= _given(item, params[item.name])
                words += item.say(params[item.name])
        return params, words


def parse(
    words: Sequence[str], params: Mapping[str, Any], when: Mapping[str, Mapping[str, Any]]
) -> tuple[Space, list[str]]:
    """The space, and the words that are the same in every trial.

    `words` are the overrides of the command line, `params` and `when` those of `hydra.sweeper`. A trial is
    composed of the fixed words first and then of its own.

    Raises SettingError or UnknownSettingError for what does not exist, is empty or not allowed.
    """
    parameters, fixed = read_space(words, params, when)
    return Space(tuple(parameters)), fixed


def _settings(
    parameters: Sequence[Parameter], params: dict[str, Any], given: dict[str, str]
) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    if not parameters:
        yield params, given
        return
    item, *rest = parameters
    if not item.is_there(given):
        yield from _settings(rest, params, given)
        return
    for value in item.domain.values() or ():
        yield from _settings(rest, {**params, item.name: value}, given | _given(item, value))


def _given(item: Parameter, value: Value) -> dict[str, str]:
    return dict.fromkeys(_names(item), item.domain.text(value))


def _names(item: Parameter) -> tuple[str, ...]:
    return (item.name, *item.keys)


def _taken(params: Mapping[str, Any], item: Parameter) -> Value:
    if item.name not in params:
        raise DataError(f"A trial with the params {dict(params)} lacks {item.name}.")
    value: Value = params[item.name]
    return value
