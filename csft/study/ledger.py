"""What a study's trials add up to: which count, which are lost, which were taken up again.

A trial is told FAIL with the attribute `failure` by the worker that ran it. FAIL without it means that the
worker died or was stopped: such a trial is taken up again by a new one, which names it in its history, and
the two count as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from csft.study.attributes import FAILURE, ORIGIN, SPENT, STOPPED

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

HISTORY = "retry_history"  # as Optuna's RetryHeartbeatStaleTrialCallback names it
KILLED = "killed"  # the reason of a trial that nobody could tell


@dataclass(frozen=True)
class Ledger:
    """The trials of a study by what became of them; those taken up again are in none of the lists."""

    complete: tuple["FrozenTrial", ...]
    pruned: tuple["FrozenTrial", ...]
    failed: tuple["FrozenTrial", ...]  # for a reason that is told, or lost too often
    lost: tuple["FrozenTrial", ...]  # to be taken up again
    running: tuple["FrozenTrial", ...]
    waiting: tuple["FrozenTrial", ...]
    hours: float  # of all trials, lost attempts included
    epochs: float  # trained by all of them

    @property
    def started(self) -> int:
        """Trials that count against the total."""
        return len(self.settled) + len(self.running) + len(self.lost)

    @property
    def settled(self) -> list["FrozenTrial"]:
        """Trials with an outcome, in the order of their numbers."""
        return sorted((*self.complete, *self.pruned, *self.failed), key=lambda one: one.number)


def read(trials: Sequence["FrozenTrial"], retries: int) -> Ledger:
    """Sort a study's trials; one that was killed more than `retries` times is not taken up again."""
    from optuna.trial import TrialState

    again = {number for one in trials for number in one.system_attrs.get(HISTORY, ())}
    left = [one for one in trials if one.number not in again]
    kept = {state: [one for one in left if one.state == state] for state in TrialState}
    failed = kept[TrialState.FAIL]
    by_number = {one.number: one for one in trials}
    lost = [one for one in failed if is_lost(one) and _deaths(one, by_number) <= retries]
    return Ledger(
        tuple(kept[TrialState.COMPLETE]),
        tuple(kept[TrialState.PRUNED]),
        tuple(one for one in failed if one not in lost),
        tuple(lost),
        tuple(kept[TrialState.RUNNING]),
        tuple(kept[TrialState.WAITING]),
        hours=_spent(trials, "hours"),
        epochs=_spent(trials, "epochs"),
    )


def is_lost(trial: "FrozenTrial") -> bool:
    """Tell whether a failed trial's worker did not live to say why."""
    return FAILURE not in trial.user_attrs


def reason(trial: "FrozenTrial") -> str:
    """Why a failed trial failed, in a few words."""
    return str(trial.user_attrs.get(FAILURE, {}).get("reason", KILLED))


def taken_up(trial: "FrozenTrial") -> "FrozenTrial":
    """The waiting trial that goes on for a lost one."""
    from optuna.trial import TrialState, create_trial

    system: dict[str, Any] = {"failed_trial": trial.number, **trial.system_attrs}
    system[HISTORY] = [*system.get(HISTORY, []), trial.number]
    kept = {key: value for key, value in trial.user_attrs.items() if key == ORIGIN}
    return create_trial(
        state=TrialState.WAITING,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=kept,
        system_attrs={key: value for key, value in system.items() if not key.startswith("constraints")},
    )


def _deaths(trial: "FrozenTrial", by_number: dict[int, "FrozenTrial"]) -> int:
    attempts = [*(by_number[number] for number in trial.system_attrs.get(HISTORY, ())), trial]
    return sum(not {STOPPED, FAILURE} & one.user_attrs.keys() for one in attempts)


def _spent(trials: Sequence["FrozenTrial"], what: str) -> float:
    # Not from Optuna's times: a trial that a power cut ended is told so days later.
    return float(sum(one.user_attrs.get(SPENT, {}).get(what, 0.0) for one in trials))
