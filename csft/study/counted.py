"""An Optuna study whose total is exact, however many workers ask it for trials and however often they die."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from optuna import Study, Trial
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState

from csft.study import ledger
from csft.study.attributes import ENDED, WORKER
from csft.study.lease import dead
from csft.study.ledger import Ledger
from csft.study.storage import turn

Enough = Callable[[Study, Ledger], str | None]


class NoMoreTrialsError(Exception):
    """The study has what it was to have; carries the reason."""


class CountedStudy(Study):
    """Optuna's study; `ask` counts, and takes up what dead workers left, one process at a time.

    `enough(study, ledger)` says why no further trial is to start, or None; `worker` is the lease that trials
    carry.
    """

    def __init__(
        self,
        storage: RDBStorage,
        name: str,
        retries: int,
        enough: Enough,
        worker: Mapping[str, Any],
        **options: Any,
    ) -> None:
        super().__init__(name, storage, **options)
        self.database, self.retries, self.enough, self.worker = storage, retries, enough, dict(worker)

    def ask(self, fixed_distributions: dict[str, BaseDistribution] | None = None) -> Trial:
        """Give the next trial. Raises NoMoreTrialsError where there is to be none."""
        with turn(self.database, self.study_name):
            _, ended = standing(self, self.retries, self.enough)
            if ended is not None:
                raise NoMoreTrialsError(ended)
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Heartbeat of storage")  # csft/study/signs.py gives them
                trial = super().ask(fixed_distributions)
            # Before anyone else has a turn, so that a running trial without a worker has lost it.
            trial.set_user_attr(WORKER, self.worker)
            self.database.record_heartbeat(trial._trial_id)
        return trial


def standing(study: Study, retries: int, enough: Enough) -> tuple[Ledger, str | None]:
    """Take up what dead workers left; gives how many trials are what, and why no further one is to start.

    To be called within a turn.
    """
    recover(study, retries)
    known = ledger.read(study.get_trials(deepcopy=False), retries)
    return known, study.user_attrs.get(ENDED) or enough(study, known)


def recover(study: Study, retries: int) -> int:
    """Queue the trials of dead workers again, each once; gives their number. To be called within a turn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        fail_stale_trials(study)  # silent for too long; on other machines nothing else is known
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if _lost_worker(trial):
            _fail(study, trial)
    lost = ledger.read(study.get_trials(deepcopy=False), retries).lost
    for trial in lost:
        study.add_trial(ledger.taken_up(trial))
    return len(lost)


def _lost_worker(trial: FrozenTrial) -> bool:
    worker = trial.user_attrs.get(WORKER)
    return worker is None or dead(worker)


def _fail(study: Study, trial: FrozenTrial) -> None:
    try:
        study.tell(trial.number, state=TrialState.FAIL)
    except (UpdateFinishedTrialError, ValueError):  # it finished this moment
        return
