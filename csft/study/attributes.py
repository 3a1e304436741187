"""What a study keeps with its trials and itself in the database, by name."""

import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from csft.console import say

Result = TypeVar("Result")

# Of a trial
OVERRIDES = "overrides"  # the words that give it
FOLDERS = "folders"  # run folders, one per seed
WORKER = "worker"  # whose it is: {name, host, pid, lease}
PROGRESS = "progress"  # {run, runs, stage, updates, of, seconds_left}
SPENT = "spent"  # {hours, epochs} of this attempt, kept up to date while it runs
FAILURE = "failure"  # {reason, kind, message}
STOPPED = "stopped"  # the signal that ended the attempt
PRUNED = "pruned"  # {epoch, score}; in mid-exam also {answered, questions}: the score is of the answered
SUMMARY = "summary"  # figures by name, means over the seeds
LOW, HIGH = "score_low", "score_high"  # in the summary: the score's 95 % interval, of the first seed
SCORES = "scores"  # the score of each seed
REUSED = "reused"  # whether every result was there before
TRACKER = "tracker"  # W&B pages or offline folders
ORIGIN = "origin"  # why it was queued: a starting point, a setting of a grid, another study's

# Of a study
RECORD = "csft"  # what it rests on
TOTAL = "total"  # trials it is to have; absent: as many as the budget allows
ENDED = "ended"  # why it starts no more trials, for all workers to read
SEARCH = "search"  # sampler, pruner and pack of the latest command, and why
SHARING = "sharing"  # why trials with unlike numbers of epochs do not share a training; empty: they do
SINCE = "since"  # number of the first trial of the latest command

# Steps that answers are reported under: a question's number after SPAN for the exam at the end and
# after k + 1 times SPAN for the k-th during training. Their mean comes last: a share in a trial that
# finished, percent in one that was given up, which Optuna takes for its value. Scores of exams during
# training have steps 1, 2, ….
SPAN, MEAN = 100_000, 1_000_000_000

PATIENCE_S = (1, 2, 4, 8, 16, 32)  # between attempts at a database that does not answer


def patiently(write: Callable[[], Result]) -> Result:
    """Do what a database may refuse for a moment, a minute long; then let its error through."""
    from optuna.exceptions import StorageInternalError

    for wait in PATIENCE_S:
        try:
            return write()
        except StorageInternalError as error:
            say(f"the study's database does not answer ({_first_line(error)}); again in {wait} s")
            time.sleep(wait)
    return write()


def if_possible(write: Callable[[], Any]) -> None:
    """Do what is nice to have and never worth a trial."""
    from optuna.exceptions import StorageInternalError

    try:
        write()
    except StorageInternalError as error:
        print(f"not noted in the study's database: {_first_line(error)}", file=sys.stderr)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
