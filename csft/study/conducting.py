"""A study from its command to its summary: settle, check, open, start workers until it has all its trials."""

import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from csft import compose
from csft.config import check_section
from csft.console import say
from csft.errors import CsftError, SettingError, StoppedError
from csft.identity import UNDECIDING
from csft.study import budget, counted, opening, record, samplers, starting
from csft.study.attributes import ENDED
from csft.study.launcher import LocalLauncher
from csft.study.ledger import Ledger
from csft.study.opening import Queued
from csft.study.pruners import make_pruner
from csft.study.space import Space, parse
from csft.study.storage import open_storage, shown, turn, url_of
from csft.study_config import Study, constrained

TRIED = 64  # settings of a space that are composed beforehand to see that they can be
LOOK_S = 2.0  # between looks at workers that somebody else waits for
FRUITLESS = 3  # times workers may die in a row without finishing a trial


@dataclass(frozen=True)
class Plan:
    """What a command asks for, checked."""

    settings: Study
    output: str
    words: list[str]  # that all trials share
    space: Space
    composed: DictConfig
    sampler: str
    total: int | None

    @property
    def storage(self) -> str:
        """The database's URL, which may hold a password."""
        return url_of(self.settings, self.output)


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
    plan = settle(arguments, params, when)
    storage = open_storage(plan.storage, plan.settings.heartbeat_s, create=True)
    command = f"python -m csft.run -m {shlex.join(arguments)}"
    rests_on = record.record(
        plan.composed, plan.space, plan.settings.objectives, plan.settings.seeds, command
    )
    study = opening.open_study(plan.settings, storage, rests_on, _queue(plan, storage), plan.total)
    _tell(plan, study)
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


def settle(
    arguments: Sequence[str], params: Mapping[str, Any], when: Mapping[str, Mapping[str, Any]]
) -> Plan:
    """Read the search space and the settings of a study, and see that its trials can be composed."""
    space, words = parse(arguments, params, when)
    composed = compose.composed(words)
    settings = OmegaConf.to_object(composed.study)
    assert isinstance(settings, Study)
    check_section(settings, "study.")
    _check(settings, space, composed)
    sampler, why = samplers.resolve(
        settings.sampler.kind,
        space,
        settings.n_trials,
        len(settings.objectives),
        constrained(settings.limits),
    )
    say(f"  sampler    {sampler} ({why})")
    total = settings.n_trials
    if sampler == "grid":
        size = len(space.settings() or ())
        total = size if total is None else min(total, size)
    plan = Plan(settings, str(composed.output), words, space, composed, sampler, total)
    _check_end(plan)
    _check_settings(plan)
    return plan


def _check(settings: Study, space: Space, composed: DictConfig) -> None:
    for key in record.swept(space):
        if key.partition(".")[0] in UNDECIDING:
            raise SettingError(key, "(several values)", "one value: it decides no result")
    if composed.parallel.kind != "none":
        raise SettingError(
            "parallel", composed.parallel.kind, "none with --multirun: a trial of a study runs in one process"
        )
    if settings.pruner.kind != "none" and settings.objectives != ["score"]:
        judged = f"none where study.objectives={settings.objectives}: a trial is given up by its score alone"
        raise SettingError("pruner", settings.pruner.kind, judged)
    if settings.seeds > 1 and "seed" in record.swept(space):
        raise SettingError("study.seeds", settings.seeds, "1 where seed is searched")
    make_pruner(settings.pruner)


def _check_end(plan: Plan) -> None:
    limits = plan.settings.budget
    if plan.total is None and limits.hours is None and limits.epochs is None and limits.terminator == "none":
        raise SettingError(
            "study.n_trials",
            "(none)",
            "a number of trials where the search space is not finite, or an end under study.budget",
        )


def _check_settings(plan: Plan) -> None:
    """Compose trials as workers will, so that what cannot be is told before one starts."""
    for words in _samples(plan):
        compose.typed(compose.composed([*plan.words, *words]), [*plan.words, *words])


def _samples(plan: Plan) -> list[list[str]]:
    finite = plan.space.settings()
    if finite is not None and len(finite) <= TRIED:
        return [plan.space.words(params) for params in finite]
    trials = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [plan.space.suggest(trials.ask()) for _ in range(TRIED // 4)]


def _queue(plan: Plan, storage: Any) -> list[Queued]:
    """What is tried first: starting points, what a forked study had tried, all settings of a grid."""
    queue = []
    composed = OmegaConf.to_container(plan.composed, resolve=True, throw_on_missing=False)
    assert isinstance(composed, dict)
    base = {str(key): value for key, value in composed.items()}
    for params, why in starting.points(plan.space, base, plan.settings.start):
        queue.append(Queued(params, why))
    if plan.settings.fork:
        for words in opening.fork_words(plan.settings, storage):
            params, notes = plan.space.nearest(words, base)
            if not notes:
                queue.append(Queued(params, f"from study {plan.settings.fork}"))
    if plan.sampler == "grid":
        queue += [Queued(params, "grid") for params in plan.space.settings() or ()]
    different = [one for at, one in enumerate(queue) if one.params not in [two.params for two in queue[:at]]]
    return different[: plan.total]


def _tell(plan: Plan, study: optuna.Study) -> None:
    known = opening.standing(study, plan.settings.retries)
    done = f"{len(known.settled)} done before, " if known.settled else ""
    of = "as many trials as the budget allows" if plan.total is None else f"{plan.total} trials in all"
    at_once = f"{plan.settings.workers} at a time"
    say(f"csft study {plan.settings.name}: {of}, {done}{len(known.waiting)} queued, {at_once}")
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
    """How many trials are what, dead workers' ones queued again; and why not to start another one."""
    with turn(storage, plan.settings.name):
        counted.recover(study, plan.settings.retries)
        known = opening.standing(study, plan.settings.retries)
        return known, study.user_attrs.get(ENDED) or budget.enough(plan.settings.budget)(study, known)


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
