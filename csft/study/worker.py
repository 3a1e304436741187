"""A worker: runs trials of a study until there are to be no more."""

import contextlib
import gc
import os
import signal
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from csft.clock import Clock
from csft.console import say
from csft.errors import CsftError, StoppedError
from csft.model import warm
from csft.stopping import KEPT, StopRequest, stop_requests
from csft.study import budget, counted, samplers
from csft.study.attributes import RECORD, SEARCH
from csft.study.companions import Companions
from csft.study.counted import CountedStudy, NoMoreTrialsError
from csft.study.dashboard import Showing
from csft.study.failures import TrialFailedError
from csft.study.lease import living
from csft.study.objective import Objective, Run, StudyChangedError
from csft.study.pool import Ended, Pool, Service
from csft.study.pruners import make_pruner
from csft.study.signs import SignsOfLife
from csft.study.space import Space
from csft.study.storage import open_storage, turn, url_of
from csft.study_config import Study

TAKEN = "Cannot tell a"  # how Optuna refuses to finish a trial that is finished
TAKEN_UP = "the trial was taken up by another worker, as this one gave no sign of life"


def work(settings: Study, output: str, words: Sequence[str], run: Run) -> str:
    """Run trials, each with the fixed `words`; gives the reason for ending.

    `run` gives one trial (`csft.trial.steps`). What trials print goes to a log file of the worker's. Raises
    StoppedError after a signal, CsftError for what stops the whole study.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # the board and the log tell more
    folder = Path(output).expanduser() / settings.name
    storage = open_storage(url_of(settings, output), settings.heartbeat_s)
    name = f"{socket.gethostname()}-{os.getpid()}"
    log = folder / "logs" / f"worker-{name}.log"
    with living(folder / ".workers", name) as lease, printing_to(log), warm.keeping():
        stored = optuna.load_study(study_name=settings.name, storage=storage)
        space = Space.from_record(stored.user_attrs[RECORD]["space"])
        study = _study(settings, storage, space, lease)
        objective = Objective(study, words, space, run)
        try:
            with stop_requests() as request, _end_of_time():
                worker = _Worker(study, settings, objective, output, request)
                with worker.signs.given():
                    return _until_enough(worker)
        except (StoppedError, KeyboardInterrupt):
            with turn(storage, settings.name):
                counted.recover(study, settings.retries)
            raise
        except StudyChangedError as changed:
            raise CsftError(f"study.name={settings.name}: {changed}") from None


def _study(settings: Study, storage: Any, space: Space, lease: dict[str, Any]) -> CountedStudy:
    constrained = bool(settings.limits.constraints)
    sampler = samplers.make_sampler(settings.sampler, space, len(settings.objectives), constrained)
    return CountedStudy(
        storage,
        settings.name,
        settings.retries,
        budget.enough(settings.budget),
        lease,
        sampler=sampler,
        pruner=make_pruner(settings.pruner),
    )


def _until_enough(worker: "_Worker") -> str:
    """Begin trials while there is room, and go on with those under way, until there are to be no more."""
    enough = ""
    try:
        while True:
            while worker.pool.room and not enough:
                try:
                    worker.begin()
                except NoMoreTrialsError as reason:
                    enough = str(reason)
            if not len(worker.pool):
                say(f"\n{enough}")
                return enough
            worker.turn()
    except BaseException as error:
        worker.give_up(error)
        raise


class _Worker:
    """Asks the study for trials, hands them to the pool, and tells the study how they ended."""

    def __init__(
        self, study: CountedStudy, settings: Study, objective: Objective, output: str, request: StopRequest
    ) -> None:
        self.study, self.objective, self.request = study, objective, request
        most = study.user_attrs.get(SEARCH, {}).get("pack", 1)
        service = Companions(most, settings.exam_together) if most > 1 else Service()
        self.pool = Pool(most, service)
        self.signs = SignsOfLife(study.database)
        self.showing = Showing(study, Path(output).expanduser())
        self._asked: dict[int, optuna.Trial] = {}

    def begin(self) -> None:
        """Take the study's next trial. Raises NoMoreTrialsError where there is to be none."""
        trial, clock = self.study.ask(), Clock()
        self._asked[trial.number] = trial
        self.signs.begin(trial)
        self.pool.begin(trial.number, self.objective.steps(trial, clock), clock)

    def turn(self) -> None:
        """Go on with the trials under way. Raises what ends more than one trial, once all are told."""
        over = self.pool.turn()
        errors = [error for ended in over if (error := self._tell(ended))]
        for error in errors:
            raise error
        if over:
            _forget()
            self.showing.ended()
        self._heed(f"after trial {over[-1].number}" if over else "while trials wait")

    def give_up(self, error: BaseException) -> None:
        """End the trials under way, to be taken up again."""
        for ended in self.pool.end(error):
            self._told(ended)

    def _heed(self, when: str) -> None:
        if self.request.signal:
            raise StoppedError(self.request.signal, when, KEPT)

    def _tell(self, ended: Ended) -> BaseException | None:
        """Tell the study of a trial; gives the error that ends the others, too."""
        if self._told(ended) is None:
            say(TAKEN_UP)
            return None
        return None if isinstance(ended.error, TrialFailedError | optuna.TrialPruned) else ended.error

    def _told(self, ended: Ended) -> FrozenTrial | None:
        """Tell the study of a trial; None where another worker took it up."""
        state = None
        if ended.error is not None:
            pruned = isinstance(ended.error, optuna.TrialPruned)
            state = TrialState.PRUNED if pruned else TrialState.FAIL
        self.signs.end(ended.number)
        try:
            return self.study.tell(self._asked.pop(ended.number), ended.value, state)
        except optuna.exceptions.UpdateFinishedTrialError:
            return None
        except ValueError as error:
            if not str(error).startswith(TAKEN):
                raise
            return None


@contextlib.contextmanager
def _end_of_time() -> Iterator[None]:
    """Take Slurm's warning of its time limit, which submitit listens to, for a request to stop."""
    number = getattr(signal, "SIGUSR2", None)  # there is none on Windows
    if number is None or not callable(signal.getsignal(number)):
        yield
        return
    before = signal.signal(number, lambda *_: signal.raise_signal(signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(number, before)


def _forget() -> None:
    """Free what the trial held, its net above all, which a failed one's traceback kept until now."""
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@contextlib.contextmanager
def printing_to(path: Path) -> Iterator[None]:
    """Write what is printed meanwhile to a file, line by line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        path.open("a", encoding="utf-8", buffering=1) as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        yield
