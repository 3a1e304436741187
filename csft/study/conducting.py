"""A study from its command to its summary: settle, open, start workers until it has all its trials."""

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

from csft.console import say
from csft.errors import CsftError, StoppedError
from csft.study import branching, budget, counted, opening, planning, record
from csft.study.attributes import ENDED, SEARCH, SHARING
from csft.study.launcher import LocalLauncher
from csft.study.ledger import Ledger
from csft.study.opening import Queued
from csft.study.planning import GRID, Plan
from csft.study.storage import open_storage, shown, turn
from csft.track.values import clean

LOOK_S = 2.0  # between looks at workers that somebody else waits for
FRUITLESS = 3  # times workers may die in a row without finishing a trial


def conduct(
    launcher: Launcher,
    arguments: Sequence[str],
    params: Mapping[str, Any],
    when: Mapping[str, Mapping[str, Any]],
) -> float | None:
    """Run a study; gives the best value of a single objective. CsftError for what is not as it should."""
    from csft.study.board import Board, summary
    from csft.study.dashboard import show_study

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # the board and the logs tell more
    plan = planning.settle(arguments, params, when)
    storage = open_storage(plan.storage, plan.settings.heartbeat_s, create=True)
    command = clean(f"python -m csft.run -m {shlex.join(arguments)}")  # without passwords
    rests_on = record.record(
        plan.composed, plan.space, plan.settings.objectives, plan.settings.seeds, command
    )
    queue = planning.queue(plan, storage)
    study = opening.open_study(plan.settings, storage, rests_on, queue, plan.total)
    searched = {"sampler": f"{plan.sampler} ({plan.why})", "pruner": plan.settings.pruner.kind}
    study.set_user_attr(SEARCH, {**searched, "pack": plan.pack, "pack_why": plan.pack_why})
    study.set_user_attr(SHARING, branching.obstacles(plan.space, plan.composed))
    _tell(plan, study, queue)
    try:
        with Board(study, plan.total, file=sys.stdout):
            _launch(launcher, plan, study, storage)
    finally:  # also where someone asked to stop
        show_study(study, Path(plan.output).expanduser())
        summary(study)
    ended = study.user_attrs.get(ENDED)
    if ended and ended.startswith(budget.FUSE):
        raise CsftError(f"study.name={plan.settings.name}: {ended.removeprefix(budget.FUSE)}")
    return _best(study)


def _tell(plan: Plan, study: optuna.Study, queue: Sequence[Queued]) -> None:
    known = opening.standing(study, plan.settings.retries)
    done = f"{len(known.settled)} done before, " if known.settled else ""
    of = "as many trials as the budget allows" if plan.total is None else f"{plan.total} trials in all"
    at_once = f"{plan.settings.workers} at a time"
    say(f"csft study {plan.settings.name}: {of}, {done}{len(known.waiting)} queued, {at_once}")
    for point in queue:
        if point.origin != GRID:
            say(f"  tried first  {' '.join(plan.space.words(point.params))}  ({point.origin})")
    for why in study.user_attrs[SHARING]:
        say(f"  epochs     {why}")
    if plan.pack > 1 or plan.settings.pack != "auto":
        say(f"  pack       {plan.pack} trials of a worker at a time ({plan.pack_why})")
    say(f"  storage    {shown(plan.storage)}")
    say(f"  logs       {Path(plan.output).expanduser() / plan.settings.name / 'logs'}")


def _launch(launcher: Launcher, plan: Plan, study: optuna.Study, storage: Any) -> None:
    """Start workers, and others where some died, until the study has what it is to have."""
    launched, fruitless, missing = 0, 0, plan.settings.workers
    while True:
        known, enough = _standing(plan, study, storage)
        if enough and not known.running:
            return
        if enough or not missing:  # a launcher that lost one worker may have left the others at work
            time.sleep(LOOK_S)
            missing = max(0, plan.settings.workers - len(known.running))
            continue
        if fruitless == FRUITLESS:
            times = f"{FRUITLESS} times in a row"
            raise CsftError(f"The workers died {times} without finishing a trial; their logs may say why.")
        left = missing if plan.total is None else min(missing, plan.total - known.started)
        _run_workers(launcher, plan, left, launched)
        launched += left
        now, _ = _standing(plan, study, storage)
        missing = max(0, plan.settings.workers - len(now.running))
        fruitless = 0 if len(now.settled) > len(known.settled) else fruitless + 1


def _standing(plan: Plan, study: optuna.Study, storage: Any) -> tuple[Ledger, str | None]:
    with turn(storage, plan.settings.name):
        return counted.standing(study, plan.settings.retries, budget.enough(plan.settings.budget))


def _run_workers(launcher: Launcher, plan: Plan, count: int, number: int) -> None:
    """Launch so many workers and wait for them. CsftError for what stops the study."""
    try:
        returns = launcher.launch([plan.words] * count, initial_job_idx=number)
        _raise_failed(returns, elsewhere=not isinstance(launcher, LocalLauncher))
    except CsftError:
        raise
    except Exception as error:  # some launchers raise where a job was killed
        say(f"a worker ended early ({type(error).__name__}: {error})")


def _raise_failed(returns: Sequence[JobReturn], elsewhere: bool) -> None:
    """Raise what ended a worker, csft's own errors first. A scheduler that stops a job stops no study."""
    errors: list[Exception] = [one._return_value for one in returns if one.status == JobStatus.FAILED]
    for error in sorted(errors, key=lambda one: not isinstance(one, CsftError)):
        if not (elsewhere and isinstance(error, StoppedError)):
            raise error
        say(f"a worker was stopped: {error}")


def _best(study: optuna.Study) -> float | None:
    if len(study.directions) > 1 or not study.get_trials(
        deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)
    ):
        return None
    try:
        return study.best_value
    except ValueError:  # no trial within the limits
        return None
