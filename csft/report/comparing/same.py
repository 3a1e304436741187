"""What of several trials compares: the splits on which all answered the same questions in the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from csft.errors import DataError
from csft.report import marks as answers
from csft.report.comparable import contents, differing
from csft.report.study_data import SELECT, TEST, Marks, Trial

if TYPE_CHECKING:
    from numpy import bool_
    from numpy.typing import NDArray

QUESTIONS, ASKING = "questions of ", "exam."


@dataclass(frozen=True)
class Compared:
    """Trials under their labels, and who has what right on the splits that all of them share.

    `warnings` say what differs between them besides their settings.
    """

    labels: tuple[str, ...]
    trials: tuple[Trial, ...]  # numbered from 0
    marks: Mapping[str, Marks]
    warnings: tuple[str, ...]


def on_disk(trials: Sequence[Trial], labels: Sequence[str]) -> Compared:
    """Trials with run folders. Raises DataError naming both where two of them share no question."""
    numbered = [replace(one, number=number) for number, one in enumerate(trials)]
    splits, warnings = shared(numbered, labels)
    if not splits:
        raise DataError(" ".join([*warnings, "There is nothing to compare."]))
    kept, marks, unread = answers.read([_on(splits, one) for one in numbered])
    if unread:
        told = " ".join(f"{labels[one.trial or 0]}: {one.why}" for one in unread)
        raise DataError(f"{' and '.join(labels)} cannot be compared. {told}")
    return Compared(tuple(labels), tuple(kept), marks, tuple(warnings))


def in_memory(
    trials: Sequence[Trial], labels: Sequence[str], known: Sequence[Mapping[str, Marks]]
) -> Compared:
    """Trials of studies that were read; `marks` is empty where two of them share no question."""
    splits, warnings = shared(trials, labels)
    joined = {split: _joined(split, trials, known) for split in splits}
    numbered = tuple(replace(one, number=number) for number, one in enumerate(trials))
    marks = {split: one for split, one in joined.items() if one is not None}
    return Compared(tuple(labels), numbered, marks, tuple(warnings))


def shared(trials: Sequence[Trial], labels: Sequence[str]) -> tuple[list[str], list[str]]:
    """The splits that all answered and that have the same questions for all; and what differs, in sentences.

    No split is shared where the questions were asked in another way.
    """
    first, *others = trials
    splits = [split for split in (SELECT, "val", TEST) if all(one.scores(split) for one in trials)]
    warnings = []
    for trial, label in zip(others, labels[1:], strict=True):
        assert first.run and trial.run, "trials that are compared have runs"
        for what in differing(contents(first.run), contents(trial.run)):
            if what.startswith(ASKING):
                splits = []
            elif what.startswith(QUESTIONS):
                splits = [split for split in splits if what != f"{QUESTIONS}{split} differ"]
            warnings.append(_warning(what, labels[0], label))
    if not splits and not warnings:
        warnings.append(f"{', '.join(labels)} were not all scored on one split.")
    return splits, warnings


def _warning(what: str, first: str, other: str) -> str:
    if what.startswith(ASKING):
        return f"{first} and {other} were asked in different ways ({what}): their scores are not compared."
    if what.startswith(QUESTIONS):
        return f"{first} and {other} answered different questions ({what}): that split is not compared."
    if what.startswith("data"):
        return f"{first} and {other} were trained on different versions of a dataset ({what})."
    return f"{first} and {other} were judged on different dialogues ({what}): losses do not compare."


def _on(splits: Sequence[str], trial: Trial) -> Trial:
    runs = [
        replace(run, result=replace(run.result, scores={split: run.result.scores[split] for split in splits}))
        for run in trial.runs
    ]
    return replace(trial, runs=tuple(runs))


def _joined(split: str, trials: Sequence[Trial], known: Sequence[Mapping[str, Marks]]) -> Marks | None:
    """One matrix out of several studies'; None where their questions are not the same after all."""
    import numpy as np

    found = [one.get(split) for one in known]
    first = found[0]
    if first is None or not all(one and np.array_equal(one.ids_Q, first.ids_Q) for one in found):
        return None
    right: list[NDArray[bool_]] = []
    rows: dict[tuple[int, int], int] = {}
    base_rows: dict[tuple[int, int], int] = {}
    for number, (trial, marks) in enumerate(zip(trials, found, strict=True)):
        assert marks is not None
        for place in range(len(trial.runs)):
            for into, row_Q in ((rows, marks.of(trial, place)), (base_rows, marks.base_of(trial, place))):
                if row_Q is not None:
                    into[number, place] = len(right)
                    right.append(row_Q)
    return Marks(split, first.ids_Q, first.sub_exam_Q, np.stack(right), rows, base_rows)
