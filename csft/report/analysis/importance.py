"""The share of the score's variation that each parameter explains: functional ANOVA of random forests.

Hutter, Hoos and Leyton-Brown 2014, as Optuna has it. A forest explains noise too where trials are few, so
shares are no test; how far they move with the forest's seed is kept beside them.
"""

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from csft.report.analysis import Importance
from csft.report.analysis.axes import Axis
from csft.report.analysis.effects import Effects

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution

FEWEST = 4  # trials: below, a forest has nothing to split
SEEDS = range(3)
TREES, DEPTH = 32, 6  # small ones: the cost is that of their leaves, and deep ones follow the noise


def importances(found: Effects) -> tuple[Importance, ...]:
    """Of the parameters that every scored trial has, the largest share first; none where trials are few."""
    axes = [axis for axis in found.axes if all(axis.there) and len(axis.levels) > 1]
    if len(found.scores) < FEWEST or not axes or max(found.scores) == min(found.scores):
        return ()
    shares = [_shares(axes, found.scores, seed) for seed in SEEDS]
    of = {axis.name: [one.get(axis.name, 0.0) for one in shares] for axis in axes}
    told = [
        Importance(name, math.fsum(values) / len(values), min(values), max(values))
        for name, values in of.items()
    ]
    return tuple(sorted(told, key=lambda one: -one.share))


def _shares(axes: Sequence[Axis], scores: Sequence[float], seed: int) -> dict[str, float]:
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    with warnings.catch_warnings():  # of shares that do not add up to 1, which is what is wanted
        warnings.simplefilter("ignore")
        evaluator = FanovaImportanceEvaluator(n_trees=TREES, max_depth=DEPTH, seed=seed)
        found = get_param_importances(_study(axes, scores), evaluator=evaluator, normalize=False)
    return {name: float(share) for name, share in found.items()}


def _study(axes: Sequence[Axis], scores: Sequence[float]) -> "Study":
    from optuna import create_study, logging
    from optuna.trial import create_trial

    logging.set_verbosity(logging.WARNING)
    study = create_study(direction="maximize")
    space = {axis.name: _distribution(axis) for axis in axes}
    study.add_trials(
        [
            create_trial(
                params={axis.name: axis.values[place] for axis in axes}, distributions=space, value=score
            )
            for place, score in enumerate(scores)
        ]
    )
    return study


def _distribution(axis: Axis) -> "BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if not axis.numeric:
        return CategoricalDistribution(axis.levels)
    return FloatDistribution(float(axis.levels[0]), float(axis.levels[-1]), log=axis.log)
