"""A study made, or found again and held against what it was made with, before any trial starts."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage
from optuna.study import StudyDirection

from csft.errors import CsftError, SettingError
from csft.study import counted, ledger, record
from csft.study.attributes import ENDED, FAILURE, ORIGIN, RECORD, SINCE, TOTAL
from csft.study.ledger import Ledger
from csft.study.storage import turn
from csft.study_config import DIRECTIONS, Study

FIXED = "fixed_params"  # where Optuna keeps what a queued trial is to take


@dataclass(frozen=True)
class Queued:
    """A setting to be tried, and why."""

    params: Mapping[str, Any]
    origin: str


def open_study(
    settings: Study,
    storage: RDBStorage,
    rests_on: Mapping[str, Any],
    queue: Sequence[Queued],
    total: int | None,
) -> optuna.Study:
    """Make the study or resume it; what is in `queue` and was never tried is queued.

    `total` is the number of trials it is to have in all. Raises CsftError where a study of the name was made
    with something else, or by other software.
    """
    with turn(storage, settings.name):
        study = _load(settings, storage, rests_on)
        study.set_user_attr(TOTAL, total)
        study.set_user_attr(ENDED, None)
        study.set_user_attr(SINCE, len(study.get_trials(deepcopy=False)))
        counted.recover(study, settings.retries)
        if settings.retry_failed:
            _take_up_failed(study, settings.retries)
        tried = {each for trial in study.get_trials(deepcopy=False) for each in _asked(trial)}
        for one in queue:
            if frozenset(one.params.items()) not in tried:
                study.enqueue_trial(dict(one.params), user_attrs={ORIGIN: one.origin})
    return study


def standing(study: optuna.Study, retries: int) -> Ledger:
    """How many trials of the study are what."""
    return ledger.read(study.get_trials(deepcopy=False), retries)


def _load(settings: Study, storage: RDBStorage, rests_on: Mapping[str, Any]) -> optuna.Study:
    names = {study.study_name for study in optuna.get_all_study_summaries(storage, include_best_trial=False)}
    if settings.name not in names:
        return _create(settings, storage, rests_on)
    study = optuna.load_study(study_name=settings.name, storage=storage)
    stored = record.stored_record(study.user_attrs)
    if stored is None:
        if study.get_trials(deepcopy=False) or study.user_attrs:
            raise CsftError(
                f"study.name={settings.name}: other software keeps a study under this name in the same "
                "database. Choose another study.name, or another study.storage."
            )
        study.set_user_attr(RECORD, dict(rests_on))  # csft was killed between making it and saying so
        return study
    record.check_same(settings.name, stored, rests_on)
    return study


def _create(settings: Study, storage: RDBStorage, rests_on: Mapping[str, Any]) -> optuna.Study:
    study = optuna.create_study(
        storage=storage,
        study_name=settings.name,
        directions=[StudyDirection[DIRECTIONS[name].upper()] for name in settings.objectives],
    )
    study.set_user_attr(RECORD, dict(rests_on))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        study.set_metric_names(list(settings.objectives))
    return study


def _take_up_failed(study: optuna.Study, retries: int) -> None:
    for trial in standing(study, retries).failed:
        study.add_trial(ledger.taken_up(trial))


def _asked(trial: optuna.trial.FrozenTrial) -> list[frozenset[tuple[str, Any]]]:
    """What a trial was to take, and what it took; a running one may not have taken all of it yet."""
    return [frozenset(params.items()) for params in (trial.system_attrs.get(FIXED, {}), trial.params)]


def fork_words(settings: Study, storage: RDBStorage) -> list[list[str]]:
    """The settings that the study named by study.fork has tried, best first, as words."""
    from csft.study.attributes import OVERRIDES

    try:
        study = optuna.load_study(study_name=str(settings.fork), storage=storage)
    except KeyError:
        known = sorted(optuna.get_all_study_names(storage))
        raise SettingError(
            "study.fork", settings.fork, ", ".join(known) or "nothing: there is no study yet"
        ) from None
    trials = [one for one in study.get_trials(deepcopy=False) if OVERRIDES in one.user_attrs]
    trials.sort(key=lambda one: (one.state.name != "COMPLETE", one.number))
    return [list(one.user_attrs[OVERRIDES]) for one in trials if FAILURE not in one.user_attrs]
