"""What a report knows of a study: its trials, their runs, and who answered which question rightly.

Shapes: M models (runs of trials), Q questions of a split.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.exam import Scores
from csft.result import TrialResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SELECT, TEST = "select", "test"


@dataclass(frozen=True)
class Run:
    """One finished run folder: a trial, or one seed of it."""

    folder: Path
    settings: Mapping[str, Any]  # config.yaml: nested
    manifest: Mapping[str, Any]
    result: TrialResult

    @property
    def seed(self) -> int:
        """The seed it was trained with."""
        return int(self.settings["seed"])

    @property
    def cutoff(self) -> int:
        """The cut-off length in tokens."""
        return int(self.settings["cutoff"])


@dataclass(frozen=True)
class Trial:
    """One trial of the study. `runs` has one entry per seed, and none unless the trial has finished."""

    number: int
    state: str  # one of csft.study.outcomes.STATES
    why: str  # it is no candidate; empty for one that is
    setting: str  # what it tries, short: `cutoff=512 mix=full lr=0.00213`
    params: Mapping[str, Any]  # what the study varies, without a leading `+`
    command: str | None  # the line that runs it alone
    values: tuple[float, ...]  # of the study's objectives; empty unless it has finished
    score: float | None  # its first value, else the latest exam during training
    reported: Mapping[int, float]  # exams during training as Optuna has them
    hours: float | None  # of processes, spent on it, attempts that were cut short included where known
    epochs: float | None  # passed
    curves: list[dict[str, Any]]  # rows of metrics.jsonl of its first run, finished or not
    runs: tuple[Run, ...] = ()
    origin: str = ""  # why it was queued: the paper's setting, a starting point, a grid's; empty: sampled

    @property
    def run(self) -> Run | None:
        """The first of its runs."""
        return self.runs[0] if self.runs else None

    @property
    def finished(self) -> bool:
        """Whether it has scores that a report can compare."""
        return bool(self.runs)

    @property
    def eligible(self) -> bool:
        """Whether it may win: finished, and within the study's constraints."""
        return self.finished and self.state == "finished"

    def scores(self, split: str) -> Scores | None:
        """Of its first run, percent."""
        return self.run.result.scores.get(split) if self.run else None


@dataclass(frozen=True)
class Marks:
    """One split's questions and who has them right.

    Rows are models: `rows[number, place]` is the row of the `place`-th run of trial `number`. A base that
    several trials share has one row.
    """

    split: str
    ids_Q: "NDArray[np.int64]"
    sub_exam_Q: "NDArray[np.int16]"  # place in csft.cmb.SUB_EXAMS
    right_MQ: "NDArray[np.bool_]"
    rows: Mapping[tuple[int, int], int]
    base_rows: Mapping[tuple[int, int], int]  # the untrained model that run (number, place) started from

    def of(self, trial: Trial, place: int = 0) -> "NDArray[np.bool_] | None":
        """Which questions a run of a trial has right, (Q,); None where its answers are not there."""
        row = self.rows.get((trial.number, place))
        return None if row is None else self.right_MQ[row]

    def base_of(self, trial: Trial, place: int = 0) -> "NDArray[np.bool_] | None":
        """The same of the model that it was tuned from."""
        row = self.base_rows.get((trial.number, place))
        return None if row is None else self.right_MQ[row]


@dataclass(frozen=True)
class LeftOut:
    """What a report does not use, and why: a damaged run folder, a trial scored on another exam."""

    trial: int | None
    what: str  # the folder, or the trial's setting
    why: str


@dataclass(frozen=True)
class StudyData:
    """A study as its storage and run folders tell it. Every trial in `trials` with runs can be compared."""

    name: str
    storage: str  # without its password
    objectives: tuple[str, ...]
    directions: tuple[str, ...]  # maximize | minimize, one per objective
    record: Mapping[str, Any]  # what csft keeps with the study: space, settings, code, libraries, inputs
    trials: tuple[Trial, ...]  # by number
    best: tuple[int, ...]  # number of the winner, or of the trade-offs, best by the first objective first
    marks: Mapping[str, Marks]  # by split
    left_out: tuple[LeftOut, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)  # of the Optuna study
    scales: Mapping[str, str] = field(default_factory=dict)
    """Parameter to log | linear | category; one that is not there is decided by its values."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """What the study varies, in the order of its first trial."""
        names: dict[str, None] = {}
        for trial in self.trials:
            names |= dict.fromkeys(trial.params)
        return tuple(names)

    @property
    def finished(self) -> tuple[Trial, ...]:
        """The trials that can be compared, by number."""
        return tuple(trial for trial in self.trials if trial.finished)

    @property
    def winner(self) -> Trial | None:
        """The best trial by the first objective; None where none may win."""
        return self.trial(self.best[0]) if self.best else None

    def trial(self, number: int) -> Trial:
        """A trial by its number."""
        return next(one for one in self.trials if one.number == number)
