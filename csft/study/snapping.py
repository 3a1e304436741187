"""A sampler around Optuna's own: listed numbers stay the listed ones, and no setting is proposed twice.

Optuna's samplers know nothing of cells (`csft.study.domains`) and propose any number of a range; here it is
moved to the listed one before the storage sees it, so that samplers learn from what was really run. Where the
space is finite they would also propose what was tried already, which buys nothing: instead the setting most
like it that was not tried is taken.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from csft.study.space import Space

TIE = 1e-9  # rounding of distances that are equal
FEW = 10_000  # settings that are looked through before each trial


class SnappingSampler(BaseSampler):
    """Proposes what `make(seed)` does, moved into the space.

    The inner sampler is made anew for every trial, with a seed of its own: what is proposed depends on the
    trial's number and on the trials before it, not on which worker asks or how often it was restarted.
    """

    def __init__(self, make: Callable[[int], BaseSampler], space: Space, seed: int) -> None:
        self._make, self._space, self._seed = make, space, seed
        size = space.size()
        self._settings = space.settings() if size is not None and size <= FEW else None
        self._inner_space: dict[str, BaseDistribution] = {}
        self._start(0)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Take the generators of this trial."""
        self._start(trial.number)
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """What the inner sampler proposes together; in a finite space everything."""
        self._inner_space = self._inner.infer_relative_search_space(study, trial)
        if self._settings is None:
            return self._inner_space
        return {item.name: item.domain.distribution() for item in self._space.parameters}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What the inner sampler proposes, moved into cells; in a finite space a setting that is new."""
        found = self._inner.sample_relative(study, trial, self._inner_space)
        proposed = {name: self._space.named(name).domain.snap(value) for name, value in found.items()}
        new = self._untried(study, trial)
        if not new:
            return proposed
        apart = [self._apart(setting, proposed) for setting in new]
        nearest = min(apart) + TIE
        return self._drawn([setting for setting, far in zip(new, apart, strict=True) if far <= nearest])

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """One parameter by itself, moved into its cell."""
        value = self._inner.sample_independent(study, trial, param_name, param_distribution)
        return self._space.named(param_name).domain.snap(value)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Let the inner sampler take notes."""
        self._inner.after_trial(study, trial, state, values)

    def __str__(self) -> str:
        return str(self._inner)

    def _start(self, number: int) -> None:
        words = np.random.SeedSequence([self._seed, number]).generate_state(2)
        self._inner = self._make(int(words[0]))
        self._rng = np.random.default_rng(int(words[1]))

    def _untried(self, study: Study, trial: FrozenTrial) -> list[dict[str, Any]]:
        if self._settings is None:
            return []
        # Of all trials: a pruner may show samplers some alone (Hyperband's brackets).
        trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
        tried = {
            frozenset({**other.system_attrs.get("fixed_params", {}), **other.params}.items())
            for other in trials
            if other.number != trial.number
        }
        return [setting for setting in self._settings if frozenset(setting.items()) not in tried]

    def _drawn(self, settings: list[dict[str, Any]]) -> dict[str, Any]:
        """One of the settings; each value as likely as its parameter's others, however many are below it."""
        for item in self._space.parameters:
            values = list(dict.fromkeys(setting.get(item.name) for setting in settings))
            value = values[self._rng.integers(len(values))]
            settings = [setting for setting in settings if setting.get(item.name) == value]
        return settings[0]

    def _apart(self, setting: dict[str, Any], proposed: dict[str, Any]) -> float:
        """How unlike a proposal a setting is, over what both of them say."""
        return sum(
            self._space.named(name).domain.apart(value, proposed[name])
            for name, value in setting.items()
            if name in proposed
        )
