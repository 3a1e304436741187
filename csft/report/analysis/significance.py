"""The winner against the untrained base, the paper's setting and every other trial.

All compare the same questions (`pairing`). Two families of tests on each split, each corrected by
Holm: base and paper's setting, of which every study asks, and all other trials. On a split that chose nothing
a family has as many tests as it shows. On `select` the winner is the winner because it scored best there, and
any trial could have been: there a family has a test for each trial that could have won.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from csft.exam.comparison import ALPHA, Difference
from csft.report.analysis import BETTER, UNDECIDED, WORSE, Rival, Winner
from csft.report.analysis.holm import holm
from csft.report.analysis.pairing import base_right_of, difference, right_of, share, sub_exams
from csft.report.analysis.papers_setting import named, paper_trial
from csft.report.study_data import SELECT, Marks, StudyData, Trial

if TYPE_CHECKING:
    from csft.report.analysis.pairing import Right

    _Other = tuple[str, int | None, Right]  # name, number, who has what right

BASE, PAPER = "base", "paper"
BASE_NAME = "the untrained base"


def against_all(data: StudyData) -> Winner | None:
    """The study's best trial and how it stands; None where no trial may win."""
    winner = data.winner
    if winner is None or not winner.finished:
        return None
    paper = paper_trial(data)
    right = {
        split: mine for split, marks in data.marks.items() if (mine := right_of(marks, winner)) is not None
    }
    found = {split: _on_split(data, data.marks[split], winner, mine, paper) for split, mine in right.items()}
    return Winner(
        trial=winner.number,
        scores={split: share(mine) for split, mine in right.items()},
        rivals=tuple(one for rivals in found.values() for one in rivals if one.name != BASE_NAME),
        base={split: one for split, rivals in found.items() for one in rivals if one.name == BASE_NAME},
        paper={
            split: one
            for split, rivals in found.items()
            for one in rivals
            if paper is not None and one.trial == paper.number
        },
        paper_trial=paper.number if paper else None,
        sub_exams=_by_sub_exam(data, winner, right, paper),
    )


def standing(found: Difference, p: float) -> str:
    """How b stands against a: better or worse only where p and the interval both say so."""
    if p >= ALPHA or found.low <= 0 <= found.high:
        return UNDECIDED
    return BETTER if found.difference > 0 else WORSE


def _on_split(
    data: StudyData, marks: Marks, winner: Trial, mine: "Right", paper: Trial | None
) -> tuple[Rival, ...]:
    """All rivals on a split, those that every study asks of first."""
    asked: list[_Other] = []
    others: list[_Other] = []
    if (base := base_right_of(marks, winner)) is not None:
        asked.append((BASE_NAME, None, base))
    for one in data.finished:
        theirs = right_of(marks, one)
        if one.number != winner.number and theirs is not None:
            special = paper is not None and one.number == paper.number
            (asked if special else others).append((named(one, paper), one.number, theirs))
    trials = 1 + sum(number is not None for _, number, _ in [*asked, *others])
    chosen_here = marks.split == SELECT
    return (
        *_family(asked, mine, marks.split, len(asked) * (trials if chosen_here else 1)),
        *_family(others, mine, marks.split, trials * (trials - 1) // 2 if chosen_here else len(others)),
    )


def _family(others: "list[_Other]", mine: "Right", split: str, size: int) -> tuple[Rival, ...]:
    found = [difference(theirs, mine) for _, _, theirs in others]
    adjusted = holm([one.p for one in found], size)
    return tuple(
        Rival(name, number, split, one, p, standing(one, p))
        for (name, number, _), one, p in zip(others, found, adjusted, strict=True)
    )


def _by_sub_exam(
    data: StudyData, winner: Trial, right: Mapping[str, "Right"], paper: Trial | None
) -> dict[tuple[str, str], Mapping[str, Difference]]:
    found = {}
    for split, mine in right.items():
        marks = data.marks[split]
        rivals = {BASE: base_right_of(marks, winner)}
        if paper is not None and paper.number != winner.number:
            rivals[PAPER] = right_of(marks, paper)
        for what, theirs in rivals.items():
            if theirs is not None:
                found[what, split] = sub_exams(theirs, mine, marks.sub_exam_Q)
    return found
