"""What proposes the settings of the next trial: one of Optuna's samplers, for a space that it can do."""

import importlib.util
import warnings

from optuna import samplers
from optuna.distributions import CategoricalDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler

from csft.errors import SettingError
from csft.study.snapping import SnappingSampler
from csft.study.space import Space
from csft.study_config import Sampler

GRID = 10_000  # settings of a grid at most
PACKAGES = {"cmaes": "cmaes", "gp": "scipy", "qmc": "scipy"}
LEARN_LIMITS = ("tpe", "gp", "nsgaii")


def resolve(
    kind: str, space: Space, n_trials: int | None, objectives: int = 1, constrained: bool = False
) -> tuple[str, str]:
    """The sampler for `kind` (which may be `auto`), and why, with what it draws at random or does not learn.

    A grid is queued (`Space.settings`), not sampled. Raises SettingError where the sampler cannot do the
    space at all or its package is missing.
    """
    size = space.size()
    if kind == "auto":
        if size is not None and size <= GRID and (n_trials is None or n_trials >= size):
            return "grid", f"{size} settings, each once"
        kind = "tpe"
    elif kind == "grid":
        _refuse_grid(space, size)
        return kind, f"{size} settings, each once"
    _refuse(kind, space, objectives)
    of = "no end of settings" if size is None else f"{size:,} settings"
    return kind, "; ".join([of, *_shortcomings(kind, space, objectives, constrained)])


def make_sampler(settings: Sampler, space: Space, objectives: int, constrained: bool = False) -> BaseSampler:
    """Optuna's sampler of this kind, with proposals inside the space (`csft.study.snapping`).

    The seed is mixed with every trial's number, so workers need none of their own. `constrained` changes
    nothing: TPE, GP and NSGA-II learn from what `Trial.set_constraint` was told. Raises SettingError as
    `resolve` does.
    """
    # A grid was queued whole, so that beside it nothing is left to propose.
    kind = {"auto": "tpe", "grid": "random"}.get(settings.kind, settings.kind)
    _refuse(kind, space, objectives)

    def make(seed: int) -> BaseSampler:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return _inner(kind, settings, space, objectives, seed)

    return SnappingSampler(make, space, settings.seed)


def _inner(kind: str, settings: Sampler, space: Space, objectives: int, seed: int) -> BaseSampler:
    at_random = samplers.RandomSampler(seed=seed)
    match kind:
        case "tpe":
            joint = objectives == 1  # as Optuna advises
            return samplers.TPESampler(
                seed=seed,
                n_startup_trials=settings.startup,
                multivariate=joint,
                group=joint and _conditional(space),  # a joint model of what occurs together
                constant_liar=True,  # keeps away from what other workers are at
            )
        case "gp":
            return samplers.GPSampler(
                seed=seed,
                independent_sampler=at_random,
                n_startup_trials=settings.startup,
                warn_independent_sampling=False,
            )
        case "cmaes":
            return samplers.CmaEsSampler(
                seed=seed, independent_sampler=at_random, warn_independent_sampling=False
            )
        case "qmc":
            return samplers.QMCSampler(
                seed=settings.seed,  # the same for all trials: they share one sequence
                scramble=True,
                independent_sampler=at_random,
                warn_independent_sampling=False,
            )
        case "nsgaii":
            return samplers.NSGAIISampler(seed=seed, population_size=settings.population)
    return at_random


def _refuse_grid(space: Space, size: int | None) -> None:
    if size is None:
        endless = ", ".join(item.name for item in space.parameters if item.domain.values() is None)
        raise SettingError("sampler", "grid", f"another sampler, or lists of values instead of {endless}")
    if size > GRID:
        raise SettingError("sampler", "grid", f"another sampler, or at most {GRID:,} settings; here {size:,}")


def _refuse(kind: str, space: Space, objectives: int) -> None:
    package = PACKAGES.get(kind)
    if package and importlib.util.find_spec(package) is None:
        raise SettingError("sampler", kind, f"another sampler, or this one after pip install {package}")
    if kind != "cmaes":
        return
    if objectives > 1:
        raise SettingError("sampler", kind, "tpe | gp | qmc | random | nsgaii with several objectives")
    if len(_left_out(kind, space)) == len(space.parameters):
        raise SettingError("sampler", kind, "another sampler where no number is in every trial")


def _shortcomings(kind: str, space: Space, objectives: int, constrained: bool) -> list[str]:
    told = []
    if left_out := _left_out(kind, space):
        told.append(f"drawn at random: {', '.join(left_out)}, as {kind} does {_does(kind)} alone")
    if kind == "tpe" and objectives > 1:
        told.append("parameter by parameter, as there are several objectives")
    if kind == "cmaes":
        told.append("its state is a pickle in the database: only where you trust all who write there")
    if constrained and kind not in LEARN_LIMITS:
        told.append("study.limits decide who wins, but are not learnt from")
    return told


def _left_out(kind: str, space: Space) -> list[str]:
    """The parameters that a sampler cannot do, and draws at random instead."""
    if kind not in ("gp", "cmaes", "qmc", "nsgaii"):
        return []
    return [
        item.name
        for item in space.parameters
        if item.needs or (kind == "cmaes" and isinstance(item.domain.distribution(), CategoricalDistribution))
    ]


def _does(kind: str) -> str:
    return "numbers that are in every trial" if kind == "cmaes" else "what is in every trial"


def _conditional(space: Space) -> bool:
    return any(item.needs for item in space.parameters)
