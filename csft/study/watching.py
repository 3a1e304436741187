"""What Optuna hears of a trial while it runs, and what it answers: go on, or give up."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from optuna import Trial

from csft.clock import Clock
from csft.errors import PrunedError, TimeLimitError
from csft.exam import Prediction, Scores
from csft.stages import Tail
from csft.study.attributes import FOLDERS, MEAN, PROGRESS, PRUNED, SPAN, SPENT, if_possible, patiently
from csft.study_config import Study
from csft.watch import Watch

# An exam that is watched answer by answer (Wilcoxon's pruner) is looked at after each of so many fair parts.
# `study.pruner.p` is the significance of one look; the pruner also spares whoever's mean is not below the
# best trial's. Simulated with 168 and 2,800 questions at p = 0.1, all looks at an exam together: as good a
# setting is given up in 8 and 14 % of exams, one that is 5 points worse in 48 and 100 %, 10 points worse in
# 85 and 100 %, 5 points better in 1 and 0 %. That is against one rival; the best of many was lucky, and
# harder to equal.
ROUNDS = 8
OFTEN_S = 2.0  # progress is written at most so often
BRIEF_S = 0.25  # a stage that is over sooner is not noted: a note is a commit of the database


class StudyWatch(Watch):
    """Reports scores, answers and progress of one run of a trial; raises when it is to end.

    Only the first of several runs (seeds) is judged: the others repeat a setting that was found worth it.
    """

    def __init__(
        self,
        trial: Trial,
        settings: Study,
        run: int = 0,
        clock: Clock | None = None,
        siblings: Sequence[Tail] = (),
    ) -> None:
        kind = settings.pruner.kind
        self.judges = run == 0 and kind != "none"
        self.by_answers = self.judges and kind == "wilcoxon"
        self.every = settings.pruner.every if self.judges else None
        self.rounds = ROUNDS if self.by_answers else 1
        self.trial, self.settings, self.run = trial, settings, run
        self.clock, self.siblings = clock or Clock(), siblings
        self._noted, self._started = time.monotonic(), self.clock.now()
        self._spent = dict(trial.user_attrs.get(SPENT, {"hours": 0.0, "epochs": 0.0}))
        self._stage, self._updates, self._of = "", 0, 0
        self._first: tuple[int, float] | None = None  # the update that this attempt began after, and when
        self._epoch = self._from = 0.0
        self._rung, self._right, self._asked = 0, 0, 0
        self._questions, self._ends = 0, [0]

    def began(self, folder: Path, updates: int) -> None:
        """Note the run folder, so that an interrupted trial is found by it."""
        self._of = updates
        folders = [*self.trial.user_attrs.get(FOLDERS, ())]
        if str(folder) not in folders:
            patiently(lambda: self.trial.set_user_attr(FOLDERS, [*folders, str(folder)]))

    def stage(self, name: str) -> None:
        """Note what the trial is at, unless it was at the last one for a moment only."""
        self._stage = name
        if time.monotonic() - self._noted >= BRIEF_S:
            self.note()

    def updated(self, done: int, of: int, epoch: float) -> None:
        """Note how far training is."""
        if self._first is None:
            self._first, self._from = (done - 1, time.monotonic()), epoch * (done - 1) / done
        self._updates, self._of, self._epoch = done, of, epoch
        self._note_at_times()

    def asked(self, rung: int | None, questions: int) -> None:
        """Note how long the exam is, and after which answers a round of it ends."""
        self._questions, self._asked, self._right = questions, 0, 0
        each, more = divmod(questions, self.rounds)  # the first rounds are one longer, as `csft.exam` has it
        self._ends = [each * number + min(number, more) for number in range(1, self.rounds + 1)]

    def answered(self, rung: int | None, questions: Sequence[Any], answers: Sequence[Prediction]) -> None:
        """Report answers one by one, each under its question, so that trials are compared by pairs.

        They are compared when a round ends: what is known in the middle of one is no fair part of the exam,
        and every look is a chance to give up by mistake.
        """
        self._note_at_times()
        if not self.by_answers:
            return
        for answer in answers:
            self._report(float(answer.correct), (1 + (rung or 0)) * SPAN + (answer.id or 0))
        before = self._asked
        self._right += sum(answer.correct for answer in answers)
        self._asked += len(answers)
        over = any(before < end <= self._asked for end in self._ends)
        last = rung is None and self._asked == self._questions  # the score is there, whatever it is
        if over and not last and self.trial.should_prune():
            self._give_up(100 * self._right / self._asked)

    def scored(self, rung: int, epoch: float, scores: Scores) -> None:
        """Report the score of an exam taken during training."""
        self._epoch = max(epoch, self._epoch)
        if self._first is None:
            self._from = self._epoch  # told again: an earlier attempt, or another trial, has trained them
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
        hours = (self.clock.now() - self._started) / 3600
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
        limit = self.settings.limits.minutes
        if limit is not None and self.clock.now() - self._started > 60 * limit:
            self.note()
            raise TimeLimitError(limit)
        if time.monotonic() - self._noted >= OFTEN_S:
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
        pruned: dict[str, float] = {"epoch": round(self._epoch, 4), "score": score}
        part = (self._asked, self._questions) if self.by_answers else (0, 0)
        if self.by_answers:
            self._report(
                score, MEAN
            )  # Optuna takes it for the trial's value: percent, as those of the others
            pruned |= {"answered": self._asked, "questions": self._questions}
        patiently(lambda: self.trial.set_user_attr(PRUNED, pruned))
        self.note()
        raise PrunedError(self._epoch, score, *part)
