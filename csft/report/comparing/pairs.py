"""Every other trial against the first, question by question, in numbers and in sentences."""

from collections.abc import Mapping
from dataclasses import dataclass

from csft.exam.comparison import Difference
from csft.report.analysis import BETTER, UNDECIDED, WORSE
from csft.report.analysis.holm import holm
from csft.report.analysis.pairing import difference, right_of, sub_exams
from csft.report.analysis.significance import standing
from csft.report.comparing.same import Compared
from csft.report.study_data import TEST


@dataclass(frozen=True)
class Pair:
    """Trial `other` against the first on one split; what is positive is in the other's favour.

    `p` allows for the number of others on the split (Holm), `p_fdr` of `parts` for that of sub-exams.
    """

    split: str
    other: int
    difference: Difference
    p: float
    parts: Mapping[str, Difference]

    @property
    def standing(self) -> str:
        """How the other stands against the first."""
        return standing(self.difference, self.p)


def pairs(compared: Compared) -> list[Pair]:
    """By split, the test split first, then in the order the trials were named."""
    made = []
    for split in sorted(compared.marks, key=lambda name: name != TEST):
        marks = compared.marks[split]
        right = {one.number: mine for one in compared.trials if (mine := right_of(marks, one)) is not None}
        first = right[0]
        others = [number for number in right if number]
        found = [difference(first, right[number]) for number in others]
        for number, one, p in zip(others, found, holm([one.p for one in found]), strict=True):
            made.append(Pair(split, number, one, p, sub_exams(first, right[number], marks.sub_exam_Q)))
    return made


def sentence(pair: Pair, first: str, other: str) -> str:
    """What is known of a pair, careful where chance could have done it."""
    one = pair.difference
    range_ = f"95 % interval {one.low:+.1f} to {one.high:+.1f}, p {_p(pair.p)}"
    scores = f"{one.percent_b:.1f} against {one.percent_a:.1f} percent of {one.n:,} questions"
    if pair.standing == UNDECIDED:
        would = f", and {one.detectable:.1f} points would most likely have shown" if one.detectable else ""
        return (
            f"On {pair.split}, {other} and {first} cannot be told apart: {scores}, "
            f"{one.difference:+.1f} points ({range_}){would}."
        )
    word = {BETTER: "above", WORSE: "below"}[pair.standing]
    return (
        f"On {pair.split}, {other} is {abs(one.difference):.1f} points {word} {first}: {scores} ({range_})."
    )


def _p(p: float) -> str:
    return "below 0.0001" if p < 0.0001 else f"{p:.2g}"
