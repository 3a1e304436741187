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
from optuna.trial import FrozenTrial

from csft.console import say
from csft.errors import CsftError, StoppedError
from csft.stopping import StopRequest, stop_requests
from csft.study import budget, counted, samplers
from csft.study.attributes import RECORD
from csft.study.counted import CountedStudy, NoMoreTrialsError
from csft.study.dashboard import show_study, show_trial
from csft.study.failures import TrialFailedError
from csft.study.lease import living
from csft.study.objective import Objective, Run, StudyChangedError
from csft.study.pruners import make_pruner
from csft.study.space import Space
from csft.study.storage import open_storage, turn, url_of
from csft.study_config import Study

TAKEN = "Cannot tell a"  # how Optuna refuses to finish a trial that is finished
TAKEN_UP = "the trial was taken up by another worker, as this one gave no sign of life"


def work(settings: Study, output: str, words: Sequence[str], run: Run) -> str:
    """Run trials, each with the fixed `words`; gives the reason for ending.

    `run` runs one trial (`csft.trial.run`). What trials print goes to a log file of the worker's. Raises
    StoppedError after a signal, CsftError for what stops the whole study.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # the board and the log tell more
    folder = Path(output).expanduser() / settings.name
    storage = open_storage(url_of(settings, output), settings.heartbeat_s)
    name = f"{socket.gethostname()}-{os.getpid()}"
    with living(folder / ".workers", name) as lease, printing_to(folder / "logs" / f"worker-{name}.log"):
        stored = optuna.load_study(study_name=settings.name, storage=storage)
        space = Space.from_record(stored.user_attrs[RECORD]["space"])
        study = _study(settings, storage, space, lease)
        objective = Objective(study, words, space, run)
        try:
            with stop_requests() as request, _end_of_time():
                return _until_enough(study, objective, output, request)
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


def _until_enough(study: CountedStudy, objective: Objective, output: str, request: StopRequest) -> str:
    def after(_: optuna.Study, trial: FrozenTrial) -> None:
        _forget()
        show_trial(study, trial, Path(output).expanduser())
        show_study(study, Path(output).expanduser())
        if request.signal:
            raise StoppedError(request.signal, f"after trial {trial.number}", "what was finished is kept")

    while True:
        try:
            study.optimize(objective, catch=(TrialFailedError,), callbacks=[after])
        except NoMoreTrialsError as enough:
            say(f"\n{enough}")
            return str(enough)
        except ValueError as error:
            if not str(error).startswith(TAKEN):
                raise
            say(TAKEN_UP)
        except optuna.exceptions.UpdateFinishedTrialError:
            say(TAKEN_UP)


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
