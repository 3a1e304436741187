"""One trial of a study: from what the sampler proposes to the figures that it is judged by."""

import shlex
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from statistics import fmean

from omegaconf import DictConfig
from optuna import Trial, TrialPruned
from optuna.exceptions import UpdateFinishedTrialError

from csft import compose
from csft.clock import Clock
from csft.config import Config
from csft.console import say
from csft.errors import BusyError, PrunedError, SettingError, StoppedError
from csft.orders import Steps, Wait
from csft.result import OBJECTIVE_SPLIT, TrialResult
from csft.study import branching, record
from csft.study.attributes import (
    FAILURE,
    FOLDERS,
    HIGH,
    LOW,
    OVERRIDES,
    RECORD,
    REUSED,
    SCORES,
    STOPPED,
    SUMMARY,
    TRACKER,
    if_possible,
    patiently,
)
from csft.study.counted import CountedStudy
from csft.study.failures import TrialFailedError, known, told
from csft.study.space import Space
from csft.study.storage import turn
from csft.study.watching import StudyWatch
from csft.track import RunFolder

Run = Callable[[Config, StudyWatch], Steps[TrialResult]]
WAIT_S = 2.0  # between looks at a trial that another worker is running


class StudyChangedError(Exception):
    """Data, exams or weights are not those of the study's earlier trials: no trial can be run."""


class Objective:
    """What Optuna's trials are judged by: each is run by `run` (`csft.trial.steps`)."""

    def __init__(self, study: CountedStudy, fixed: Sequence[str], space: Space, run: Run) -> None:
        self.study, self.fixed, self.space, self._run = study, list(fixed), space, run

    @cached_property
    def _shared(self) -> DictConfig:
        """What all trials have in common."""
        return compose.composed(self.fixed)

    def steps(self, trial: Trial, clock: Clock) -> Steps[float | Sequence[float]]:
        """Run the trial for whoever serves its orders; gives the values of the study's objectives.

        Raises TrialPruned and TrialFailedError for what the study goes on after; anything else ends the
        worker and leaves the trial to be taken up again.
        """
        with turn(self.study.database, self.study.study_name):  # so that no two workers draw the same
            words = [*self.fixed, *self.space.suggest(trial)]
        alone = [word for word in words if not _of_study(word)]
        patiently(lambda: trial.set_user_attr(OVERRIDES, alone))
        say(f"\ntrial {trial.number}: python -m csft.run {shlex.join(alone)}")
        try:
            return (yield from self._values(trial, words, clock))
        except PrunedError as given_up:
            say(f"trial {trial.number}: {given_up}")
            raise TrialPruned(str(given_up)) from None
        except StoppedError as asked:
            name = asked.by.name
            if_possible(lambda: trial.set_user_attr(STOPPED, name))
            raise
        except (StudyChangedError, UpdateFinishedTrialError, TrialPruned):
            raise
        except Exception as error:
            if not known(error):
                traceback.print_exc()
            failure = told(error)
            say(f"trial {trial.number} failed ({failure['reason']}): {error}")
            patiently(lambda: trial.set_user_attr(FAILURE, failure))
            raise TrialFailedError from error
        except KeyboardInterrupt:
            if_possible(lambda: trial.set_user_attr(STOPPED, "SIGINT"))
            raise

    def _values(self, trial: Trial, words: Sequence[str], clock: Clock) -> Steps[float | Sequence[float]]:
        config = compose.from_hydra(words)
        siblings = branching.siblings(self.space, trial.params, self._shared)
        results = []
        for run in range(config.study.seeds):
            watch = StudyWatch(trial, config.study, run, clock, siblings)
            result = yield from self._when_free(replace(config, seed=config.seed + run), watch)
            self._check_inputs(result.folder)
            watch.finished(result.objective)
            results.append(result)
        figures = self._note(trial, config, results)
        values = [_value(name, figures) for name in config.study.objectives]
        return values if len(values) > 1 else values[0]

    def _when_free(self, config: Config, watch: StudyWatch) -> Steps[TrialResult]:
        """Run it, or wait for whoever is running the same settings and take that result."""
        said = False
        while True:
            try:
                return (yield from self._run(config, watch))
            except BusyError as busy:
                yield Wait("" if said else f"waiting: {busy}", partial(_past, time.monotonic() + WAIT_S))
                said = True

    def _check_inputs(self, folder: Path) -> None:
        """Hold what the trial read against what the study's earlier trials read."""
        mine = record.inputs(RunFolder(folder).manifest["parts"], self.space)
        with turn(self.study.database, self.study.study_name):
            stored = dict(self.study.user_attrs[RECORD])
            if changed := record.changed(stored["inputs"], mine):
                raise StudyChangedError(changed)
            if not mine.keys() <= stored["inputs"].keys():
                stored["inputs"] = {**stored["inputs"], **mine}
                self.study.set_user_attr(RECORD, stored)

    def _note(self, trial: Trial, config: Config, results: Sequence[TrialResult]) -> dict[str, float]:
        """Keep the figures of a finished trial with it; gives the means over its seeds."""
        figures = _means([result.summary() for result in results])
        if OBJECTIVE_SPLIT in results[0].scores:
            total = results[0].scores[OBJECTIVE_SPLIT].figures["total"]
            figures |= {LOW: total.low, HIGH: total.high}
        figures["epochs"] = config.epochs
        attributes = {
            FOLDERS: [str(result.folder) for result in results],
            SUMMARY: {key: value for key, value in figures.items() if _shown(key)},
            SCORES: [result.objective for result in results],
            REUSED: all(result.reused for result in results),
            TRACKER: [place for result in results if (place := _tracker(result.folder))],
        }
        for name, value in attributes.items():
            patiently(lambda name=name, value=value: trial.set_user_attr(name, value))  # type: ignore[misc]
        for name, most in config.study.limits.constraints.items():
            trial.set_constraint(name, figures[name] - most)
        return figures


def _past(moment: float) -> bool:
    return time.monotonic() >= moment


def _of_study(word: str) -> bool:
    """Tell whether a word says how to search: a trial alone does not, and the storage may hold a password."""
    key = word.lstrip("+~").partition("=")[0]
    return key in ("sampler", "pruner") or (key.startswith("study.") and key != "study.name")


def _value(name: str, figures: Mapping[str, float]) -> float:
    key, cure = {
        "score": (
            "objective",
            "a held-out split: exam.select_per_sub_exam above 0 and CMB-train in data.root",
        ),
        "chat_loss": ("chat/loss", "held-out dialogues: chat.dialogues above 0 and a dataset of dialogues"),
        "gpu_hours": ("hours", ""),
    }[name]
    if key not in figures:
        raise SettingError("study.objectives", name, f"what was measured; {name} needs {cure}")
    return figures[key]


def _means(summaries: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each figure that every run has."""
    shared = [key for key in summaries[0] if all(key in one for one in summaries)]
    return {key: fmean(one[key] for one in summaries) for key in shared}


def _shown(key: str) -> bool:
    """Leave sub-exams and datasets to the run folder: a database is read often and whole."""
    return key.count("/") <= 2 and not key.startswith(("truncation/", "mix/"))


def _tracker(folder: Path) -> str | None:
    state = RunFolder(folder).tracking()
    return state.get("address") or state.get("place")
