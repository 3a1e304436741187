"""When a trial is given up, on scores that are known beforehand."""

from typing import Any

import optuna
import pytest

from csft.errors import SettingError
from csft.study.pruners import make_pruner
from csft.study_config import Pruner

GOOD, BAD = [50, 60, 70, 80], [10, 10, 10, 10]
ANSWERS = [100, 0, 100, 100, 0, 100, 100, 100] * 10


def given_up_at(settings: Pruner, before: list[list[float]], scores: list[float]) -> int | None:
    """The step at which the last of several trials is given up; those before it run to their end."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", pruner=make_pruner(settings), study_name="one")
    for earlier in before:
        trial = study.ask()
        for step, score in enumerate(earlier, 1):
            trial.report(score, step)
            trial.should_prune()
        study.tell(trial, sum(earlier) / len(earlier))
    trial = study.ask()
    for step, score in enumerate(scores, 1):
        trial.report(score, step)
        if trial.should_prune():
            return step
    return None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("settings", "before", "scores", "step"),
    [
        ({"kind": "none"}, 9 * [GOOD], BAD, None),
        ({"kind": "median"}, 5 * [GOOD], BAD, 1),
        ({"kind": "median"}, 4 * [GOOD], BAD, None),
        ({"kind": "median", "startup": 1}, [GOOD], BAD, 1),
        ({"kind": "median", "warmup": 2}, 5 * [GOOD], BAD, 3),
        ({"kind": "median"}, 3 * [GOOD] + 2 * [BAD], [55, 61, 71, 81], None),
        ({"kind": "percentile", "percentile": 25.0}, [*(3 * [GOOD]), BAD, BAD], [49, 59, 69, 79], 1),
        ({"kind": "percentile", "percentile": 90.0}, [*(3 * [GOOD]), BAD, BAD], [49, 59, 69, 79], None),
        ({"kind": "halving"}, 3 * [GOOD], BAD, 1),
        ({"kind": "halving", "reduction": 2}, 3 * [GOOD], [55, 10, 10, 10], 2),
        ({"kind": "halving"}, 3 * [GOOD], [55, 10, 71, 81], None),
        ({"kind": "hyperband"}, 9 * [GOOD], BAD, 3),  # in the bracket that looks at the third exam
        ({"kind": "wilcoxon", "questions": 20}, [ANSWERS], 80 * [0], 20),
        ({"kind": "wilcoxon", "questions": 40}, [ANSWERS], 80 * [0], 40),
        ({"kind": "wilcoxon", "questions": 20}, [ANSWERS], ANSWERS, None),
        ({"kind": "none", "patience": 1}, [], [50, 40, 30, 20], 3),
        ({"kind": "median", "patience": 1}, 5 * [GOOD], BAD, None),  # no better, but no worse either
        ({"kind": "median", "patience": 1}, 5 * [GOOD], [9, 8, 7, 6], 3),
        ({"kind": "median", "patience": 1}, 5 * [BAD], [90, 80, 70, 60], None),
    ],
)
def test_a_trial_is_given_up_when_its_settings_say_so(
    settings: dict[str, Any], before: list[list[float]], scores: list[float], step: int | None
) -> None:
    assert given_up_at(Pruner(**settings), before, scores) == step


@pytest.mark.parametrize(
    ("settings", "objectives", "told"),
    [
        ({"kind": "median"}, 2, "none with several objectives"),
        ({"kind": "none", "patience": 2}, 2, "none with several objectives"),
        ({"kind": "wilcoxon", "patience": 2}, 1, "null with pruner=wilcoxon"),
    ],
)
def test_what_cannot_prune_is_refused(settings: dict[str, Any], objectives: int, told: str) -> None:
    with pytest.raises(SettingError, match=told):
        make_pruner(Pruner(**settings), objectives)
