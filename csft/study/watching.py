"""What Optuna hears of a trial while it runs, and what it answers: go on, or give up."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from optuna import Trial

from csft.errors import PrunedError, TimeLimitError
from csft.exam import Prediction, Scores
from csft.study.attributes import FOLDERS, MEAN, PROGRESS, PRUNED, SPAN, SPENT, if_possible, patiently
from csft.study_config import Study
from csft.watch import Watch

OFTEN_S = 2.0  # progress is written at most so often
ROUNDS = 8  # fair parts of an exam that is watched answer by answer


class StudyWatch(Watch):
    """Reports scores, answers and progress of one run of a trial; raises when it is to end.

    Only the first of several runs (seeds) is judged: the others repeat a setting that was found worth it.
    """

    def __init__(self, trial: Trial, settings: Study, run: int = 0) -> None:
        kind = settings.pruner.kind
        self.judges = run == 0 and kind != "none"
        self.by_answers = self.judges and kind == "wilcoxon"
        self.every = settings.pruner.every if self.judges else None
        self.rounds = ROUNDS if self.by_answers else 1
        self.trial, self.settings, self.run = trial, settings, run
        self._started = self._noted = time.monotonic()
        self._spent = dict(trial.user_attrs.get(SPENT, {"hours": 0.0, "epochs": 0.0}))
        self._stage, self._updates, self._of = "", 0, 0
        self._first: tuple[int, float] | None = None  # the update that this attempt began after, and when
        self._epoch = self._from = 0.0
        self._rung, self._right, self._asked = 0, 0.0, 0

    def began(self, folder: Path, updates: int) -> None:
        """Note the run folder, so that an interrupted trial is found by it."""
        self._of = updates
        folders = [*self.trial.user_attrs.get(FOLDERS, ())]
        if str(folder) not in folders:
            patiently(lambda: self.trial.set_user_attr(FOLDERS, [*folders, str(folder)]))

    def stage(self, name: str) -> None:
        """Note what the trial is at."""
        self._stage = name
        self.note()

    def updated(self, done: int, of: int, epoch: float) -> None:
        """Note how far training is."""
        if self._first is None:
            self._first, self._from = (done - 1, time.monotonic()), epoch * (done - 1) / done
        self._updates, self._of, self._epoch = done, of, epoch
        self._note_at_times()

    def answered(self, rung: int | None, questions: Sequence[Any], answers: Sequence[Prediction]) -> None:
        """Report answers one by one, each under its question, so that trials are compared by pairs."""
        self._note_at_times()
        if not self.by_answers:
            return
        for answer in answers:
            self._report(float(answer.correct), (1 + (rung or 0)) * SPAN + (answer.id or 0))
        self._right += sum(answer.correct for answer in answers)
        self._asked += len(answers)
        if self.trial.should_prune():
            self._give_up(100 * self._right / self._asked)

    def scored(self, rung: int, epoch: float, scores: Scores) -> None:
        """Report the score of an exam taken during training."""
        self._epoch = max(epoch, self._epoch)
        if not self.judges or self.by_answers:
            return
        self._rung = rung
        self._report(scores.total, rung)
        if self.trial.should_prune():
            self._give_up(scores.total)

    def finished(self, score: float | None) -> None:
        """Report the score of the finished run, so that its curve ends with it."""
        if self.judges and score is not None:
            self._report_end(score)
        self._stage = "finished"
        self.note()

    def note(self) -> None:
        """Write how far the trial is and what it has cost, if the database takes it."""
        self._noted = time.monotonic()
        hours = (self._noted - self._started) / 3600
        spent = {
            "hours": self._spent["hours"] + hours,
            "epochs": self._spent["epochs"] + self._epoch - self._from,
        }
        progress = {
            "run": self.run + 1,
            "runs": self.settings.seeds,
            "stage": self._stage,
            "updates": self._updates,
            "of": self._of,
            "seconds_left": self._seconds_left(),
        }
        if_possible(lambda: self.trial.set_user_attr(SPENT, spent))
        if_possible(lambda: self.trial.set_user_attr(PROGRESS, progress))

    def _note_at_times(self) -> None:
        limit, now = self.settings.limits.minutes, time.monotonic()
        if limit is not None and now - self._started > 60 * limit:
            self.note()
            raise TimeLimitError(limit)
        if now - self._noted >= OFTEN_S:
            self.note()

    def _seconds_left(self) -> float | None:
        """Of this run's training; exams come on top."""
        if self._first is None or self._updates <= self._first[0]:
            return None
        each = (time.monotonic() - self._first[1]) / (self._updates - self._first[0])
        return round(each * (self._of - self._updates), 1)

    def _report(self, value: float, step: int) -> None:
        patiently(lambda: self.trial.report(value, step))

    def _report_end(self, score: float) -> None:
        if self.by_answers:
            self._report(score / 100, MEAN)
        else:
            self._report(score, self._rung + 1)

    def _give_up(self, score: float) -> NoReturn:
        if self.by_answers:
            self._report_end(score)
        pruned = {"epoch": round(self._epoch, 4), "score": score}
        patiently(lambda: self.trial.set_user_attr(PRUNED, pruned))
        self.note()
        raise PrunedError(self._epoch, score)
