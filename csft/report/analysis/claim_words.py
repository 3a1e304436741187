"""What the judgements of the paper's claims have in common: standings, and sentences of differences."""

from csft.report.analysis import CONTRADICTED, NOT_TESTED, SUPPORTED, UNDECIDED, Claim
from csft.report.analysis.fitting import Estimate, Fit
from csft.report.saying import chance, points, several

FEW, NONE = "The scored trials are too few to tell.", "none"


def stands(apart: Estimate) -> str:
    """Whether a difference that the claim says is above zero is."""
    if not apart.sure:
        return UNDECIDED
    return SUPPORTED if apart.value > 0 else CONTRADICTED


def more(apart: Estimate) -> str:
    """`5.7 points (2.2 to 9.1) more`."""
    return f"{points(apart.value, apart.low, apart.high)} {'more' if apart.value >= 0 else 'less'}"


def student(fitted: Fit, apart: Estimate) -> str:
    """The test of values that were to be compared before the study was seen."""
    of = f"t with {fitted.left} degrees of freedom"
    return f"least squares over {several(len(fitted.score_N), 'trial')}, {of}, {chance(apart.p)}"


def scheffe(fitted: Fit, apart: Estimate, dimensions: int) -> str:
    """The test of values that were found by looking for the largest difference."""
    of = f"Scheffé's F with {dimensions} and {fitted.left} degrees of freedom"
    return f"least squares over {several(len(fitted.score_N), 'trial')}, {of}, {chance(apart.p)}"


def not_tested(claim: str, why: str) -> Claim:
    """The claim where the study cannot speak of it."""
    return Claim(claim, NOT_TESTED, why, NONE)
