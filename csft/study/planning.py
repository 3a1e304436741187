"""What a study's command asks for: read, checked and composed before anything starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from omegaconf import DictConfig, OmegaConf

from csft import compose
from csft.config import check_section
from csft.console import say
from csft.errors import SettingError
from csft.identity import UNDECIDING
from csft.study import opening, packing, samplers, starting
from csft.study.opening import Queued
from csft.study.pruners import make_pruner
from csft.study.space import Space, parse
from csft.study.storage import url_of
from csft.study_config import Study

GRID = "grid"  # the sampler that queues every setting, and why they are queued
TRIED = 64  # settings of a space that are composed beforehand to see that they can be


@dataclass(frozen=True)
class Plan:
    """What a command asks for, checked."""

    settings: Study
    output: str
    words: list[str]  # that all trials share
    space: Space
    composed: DictConfig
    sampler: str
    why: str  # it is this one, and what it cannot do
    total: int | None
    pack: int  # trials that a worker has under way at a time
    pack_why: str

    @property
    def storage(self) -> str:
        """The database's URL, which may hold a password."""
        return url_of(self.settings, self.output)


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
        bool(settings.limits.constraints),
    )
    say(f"  sampler    {sampler} ({why})")
    total = settings.n_trials
    if sampler == GRID:
        size = space.size() or 0
        total = size if total is None else min(total, size)
    together = packing.pack(settings, composed, space, sampler)
    plan = Plan(settings, str(composed.output), words, space, composed, sampler, why, total, *together)
    _check_end(plan)
    _check_settings(plan)
    return plan


def _check(settings: Study, space: Space, composed: DictConfig) -> None:
    for key in space.keys:
        if key.partition(".")[0] in UNDECIDING:
            raise SettingError(key, "(several values)", "one value: it decides no result")
    if composed.parallel.kind != "none":
        raise SettingError(
            "parallel", composed.parallel.kind, "none with --multirun: a trial of a study runs in one process"
        )
    if settings.pruner.kind != "none" and settings.objectives != ["score"]:
        judged = f"none where study.objectives={settings.objectives}: a trial is given up by its score alone"
        raise SettingError("pruner", settings.pruner.kind, judged)
    if settings.seeds > 1 and "seed" in space.keys:
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
    size = plan.space.size()
    if size is not None and size <= TRIED:
        return [plan.space.words(params) for params in plan.space.settings() or ()]
    trials = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    return [plan.space.suggest(trials.ask()) for _ in range(TRIED // 4)]


def queue(plan: Plan, storage: Any) -> list[Queued]:
    """What is tried first: starting points, what a forked study had tried, all settings of a grid."""
    found = []
    composed = OmegaConf.to_container(plan.composed, resolve=True, throw_on_missing=False)
    assert isinstance(composed, dict)
    base = {str(key): value for key, value in composed.items()}
    for params, why in starting.points(plan.space, base, plan.settings.start):
        found.append(Queued(params, why))
    if plan.settings.fork:
        for words in opening.fork_words(plan.settings, storage):
            params, notes = plan.space.nearest(words, base)
            if not notes:
                found.append(Queued(params, f"from study {plan.settings.fork}"))
    if plan.sampler == GRID:
        found += [Queued(params, GRID) for params in plan.space.settings() or ()]
    different: dict[frozenset[tuple[str, Any]], Queued] = {}
    for one in found:
        different.setdefault(frozenset(one.params.items()), one)
    return list(different.values())[: plan.total]
