"""When a study starts no more trials, and what it says."""

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from csft.study import budget, ledger
from csft.study.attributes import ENDED, FAILURE, HIGH, LOW, SINCE, SPENT, SUMMARY, TOTAL
from csft.study_config import Budget

DISTRIBUTION = {"x": optuna.distributions.FloatDistribution(0, 1)}


def add(study, value=None, *, x=0.5, failure=None, **attributes):
    state = TrialState.FAIL if failure else TrialState.COMPLETE
    told = {FAILURE: failure} if failure else {}
    study.add_trial(
        create_trial(
            state=state,
            value=None if failure else value,
            params={"x": x},
            distributions=DISTRIBUTION,
            user_attrs={**told, **attributes},
        )
    )


def why_not(study, **settings):
    return budget.enough(Budget(**settings))(study, ledger.read(study.get_trials(deepcopy=False), 3))


@pytest.fixture
def study():
    return optuna.create_study(direction="maximize")


def test_total_hours_and_epochs(study):
    assert why_not(study) is None
    add(study, 1.0, **{SPENT: {"hours": 0.5, "epochs": 3.0}})
    add(study, 1.0, **{SPENT: {"hours": 0.7, "epochs": 1.0}})
    assert why_not(study, hours=1.3, epochs=4.5) is None
    assert "study.budget.hours=1.2 are spent (1.20)" in why_not(study, hours=1.2)
    assert "study.budget.epochs=4 are spent" in why_not(study, epochs=4)
    study.set_user_attr(TOTAL, 3)
    assert why_not(study) is None
    study.set_user_attr(TOTAL, 2)
    assert why_not(study) == "all 2 trials are done or under way"


DIVERGED = {"reason": "diverged", "kind": "DivergedError", "message": "The loss is nan."}
MEMORY = {"reason": "out of memory", "kind": "MemoryFullError", "message": "full"}


@pytest.mark.parametrize(
    ("failures", "fuse", "blown"),
    [
        ([DIVERGED] * 3, 3, True),
        ([DIVERGED] * 2, 3, False),
        ([DIVERGED, DIVERGED, MEMORY], 3, False),
        ([DIVERGED] * 3, 0, False),
        ([None, DIVERGED, DIVERGED, DIVERGED], 3, False),
    ],
)
def test_the_fuse_blows_where_the_first_trials_fail_for_one_reason(study, failures, fuse, blown):
    for failure in failures:
        add(study, 1.0, failure=failure)
    said = why_not(study, fuse=fuse)
    assert (said is not None) == blown
    if blown:
        assert said == f"{budget.FUSE}the first 3 trials all failed: diverged. The loss is nan."
        assert study.user_attrs[ENDED] == said  # for the other workers


def test_the_fuse_counts_from_the_latest_command(study):
    for _ in range(3):
        add(study, failure=DIVERGED)
    study.set_user_attr(SINCE, 3)
    assert why_not(study) is None


def test_no_better_score_for_a_while_ends_the_study(study):
    for value in (1.0, 3.0, 2.0, 2.0):
        add(study, value)
    assert why_not(study, terminator="stagnation", stagnation=2) is None
    add(study, 2.5)
    assert "no better score in 2 trials" in why_not(study, terminator="stagnation", stagnation=2)


def test_what_could_still_be_won_is_held_against_the_noise_of_a_score(study):
    for place in range(budget.LEAST):
        x = place / budget.LEAST
        add(study, 50 - (x - 0.5) ** 2, x=x, **{SUMMARY: {LOW: 40.0, HIGH: 60.0}})
    assert "standard error of 5.1" in why_not(study, terminator="regret")
    steep = optuna.create_study(direction="maximize")
    for place in range(budget.LEAST):
        add(steep, 50.0 * (place % 2), x=place / budget.LEAST, **{SUMMARY: {LOW: 49.99, HIGH: 50.01}})
    assert why_not(steep, terminator="regret") is None
