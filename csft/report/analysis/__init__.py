"""What the statistics of a report found, as plain values: figures, tables and sentences are made of them.

Differences and scores are in percent points and percent, intervals hold 95 %.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from csft.exam.comparison import Difference
from csft.exam.noise import Figure

BETTER, WORSE, UNDECIDED = "better", "worse", "undecided"
SUPPORTED, CONTRADICTED, NOT_TESTED = "supported", "contradicted", "not tested"


@dataclass(frozen=True)
class Rival:
    """The winner against another model on the same questions of `split`; what is positive is in its favour.

    `p` is corrected by Holm in two families per split: base and paper's setting, of which every study asks,
    and all other trials; on `select` for any trial having been able to win, too. `standing` is the winner's.
    """

    name: str  # trial 3 | the untrained base | the paper's setting (trial 0)
    trial: int | None
    split: str
    difference: Difference
    p: float
    standing: str  # better | worse | undecided


@dataclass(frozen=True)
class Winner:
    """The winning trial, its scores by split, and how it stands against the others."""

    trial: int
    scores: Mapping[str, Figure]
    rivals: tuple[Rival, ...]  # every other finished trial, on every split that both answered
    base: Mapping[str, Rival]  # by split
    paper: Mapping[str, Rival]  # by split; empty where the paper's setting was not tried, or won
    paper_trial: int | None
    sub_exams: Mapping[tuple[str, str], Mapping[str, Difference]]
    """(base | paper, split) to the 28 sub-exams: winner less rival, with `p_fdr`."""


@dataclass(frozen=True)
class Level:
    """One value of a parameter: the score to expect there, the other parameters held equal."""

    value: str | float
    trials: int  # that had it; of a point on a curve 0
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Effect:
    """What a parameter does to the score. `levels` is empty where `note` says why it cannot be told."""

    parameter: str
    numeric: bool
    log: bool
    levels: tuple[Level, ...]  # in order: listed values, or points along an interval
    p: float | None  # that all levels are alike
    span: float | None  # points from the worst to the best level
    note: str = ""
    span_low: float | None = None  # its interval, which allows for having looked for best and worst (Scheffé)
    span_high: float | None = None


@dataclass(frozen=True)
class Interaction:
    """Whether the effect of one parameter depends on another; `p` None where it cannot be told.

    `p` allows for the number of pairs that were tested (Holm). Intervals stand in `cells` in thirds.
    """

    parameters: tuple[str, str]
    p: float | None
    cells: Mapping[tuple[str | float, str | float], tuple[float, int]]  # values to (mean score, trials)
    note: str = ""


@dataclass(frozen=True)
class Importance:
    """The share of the score's variation that a parameter explains (fANOVA), from 0 to 1."""

    parameter: str
    share: float
    low: float  # over forests grown from other seeds
    high: float


@dataclass(frozen=True)
class Claim:
    """One of the paper's claims before this study."""

    claim: str
    standing: str  # supported | contradicted | undecided | not tested
    sentence: str  # what was found, in numbers
    test: str  # what decided


@dataclass(frozen=True)
class Analysis:
    """Everything computed of a study, once."""

    winner: Winner | None
    effects: tuple[Effect, ...]
    interactions: tuple[Interaction, ...]
    importances: tuple[Importance, ...]
    claims: tuple[Claim, ...]
    answer: tuple[str, ...]  # the findings in sentences, the most important first
    cautions: tuple[str, ...]  # what a reader must know before using them
