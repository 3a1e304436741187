"""What gives a trial up while it runs: one of Optuna's pruners.

Steps are exams during training, counted from 1; with `wilcoxon`, questions of one exam.
"""

import warnings

from optuna import pruners
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner

from csft.errors import SettingError
from csft.study_config import Pruner


def make_pruner(settings: Pruner, objectives: int = 1) -> BasePruner:
    """Optuna's pruner of this kind, inside one that waits for patience to end where that is set.

    Raises SettingError with several objectives (Optuna prunes by one alone), and for wilcoxon with patience.
    """
    nothing = settings.kind == "none" and settings.patience is None
    if objectives > 1 and not nothing:
        raise SettingError("pruner", settings.kind, "none with several objectives, and no patience")
    if settings.kind == "wilcoxon" and settings.patience is not None:
        raise SettingError(
            "study.pruner.patience", settings.patience, "null with pruner=wilcoxon, which sees one exam"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        inner = _inner(settings)
        if settings.patience is None:
            return inner or pruners.NopPruner()
        return pruners.PatientPruner(inner, settings.patience)


def _inner(settings: Pruner) -> BasePruner | None:
    first = settings.warmup + 1  # Optuna prunes from this step on
    match settings.kind:
        case "median":
            return pruners.MedianPruner(settings.startup, first)
        case "percentile":
            return pruners.PercentilePruner(settings.percentile, settings.startup, first)
        case "halving":
            return pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=settings.reduction)
        case "hyperband":
            return pruners.HyperbandPruner(min_resource=1, reduction_factor=settings.reduction)
        case "wilcoxon":
            return pruners.WilcoxonPruner(p_threshold=settings.p, n_startup_steps=settings.questions)
    return None
