"""The paper's main claim: that the diversity of the datasets matters most."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from csft.exam.comparison import ALPHA
from csft.report.analysis import CONTRADICTED, SUPPORTED, UNDECIDED, Claim
from csft.report.analysis.axes import Axis, drawn_from
from csft.report.analysis.claim_words import FEW, NONE, more, not_tested, student
from csft.report.analysis.effects import Effects
from csft.report.analysis.fitting import Estimate, Fit, fit
from csft.report.saying import listed, points, signed

if TYPE_CHECKING:
    from csft.report.analysis.fitting import Array

CLAIM = "The diversity of the datasets matters most."
DATASETS = "number of datasets"
TOGETHER = "The number of datasets changed together with other parameters."


def diversity(found: Effects) -> Claim:
    """More datasets have to help, and more than any other parameter does from its worst to its best value.

    What another parameter does was looked for, so that what remains has Scheffé's interval, which is
    corrected for the number of parameters (Bonferroni) too.
    """
    counts = tuple(len(drawn_from(one)) for one in found.trials)
    if len(set(counts)) < 2:
        return not_tested(CLAIM, "All scored trials train on as many datasets.")
    number = Axis(DATASETS, counts, numeric=True, log=True, listed=False, straight=True)
    others = [axis for axis in found.axes if len(axis.levels) > 1 and not (axis.mixes and not axis.numeric)]
    fitted = fit([number, *others], found.scores)
    if fitted is None or fitted.noiseless:
        return Claim(CLAIM, UNDECIDED, FEW, NONE)
    most, fewest = max(counts), min(counts)
    row = fitted.row(DATASETS, most) - fitted.row(DATASETS, fewest)
    if not fitted.told(row[None]):
        return Claim(CLAIM, UNDECIDED, TOGETHER, NONE)
    gain = fitted.estimate(row)
    rivals = [axis for axis in others if not axis.mixes]
    margins = {axis.name: _margin(fitted, row, axis, ALPHA / len(rivals)) for axis in rivals}
    beside = {name: margin for name, margin in margins.items() if margin is not None}
    sentence = f"{most} datasets score {more(gain)} than {fewest}. {_beside(beside)}"
    least = ", ".join(f"{name}: {signed(one.value, one.low, one.high)}" for name, one in beside.items())
    against = f"; less what other parameters do, Scheffé's interval: {least}" if least else ""
    return Claim(CLAIM, _most(gain, beside), sentence, student(fitted, gain) + against)


def _margin(fitted: Fit, row: "Array", axis: Axis, alpha: float) -> Estimate | None:
    """How much more than a parameter from its worst to its best value; None where that cannot be told."""
    import numpy as np

    rows = np.array([fitted.row(axis.name, one) for one in axis.shown()])
    if not fitted.told(rows):
        return None
    means = rows @ fitted.model.params
    span = rows[means.argmax()] - rows[means.argmin()]
    return fitted.simultaneous(row - span, fitted.without(axis.name)[1] + 1, alpha)


def _most(gain: Estimate, beside: Mapping[str, Estimate]) -> str:
    if gain.high < 0 or any(one.high < 0 for one in beside.values()):
        return CONTRADICTED
    most = gain.low > 0 and beside and all(one.low > 0 for one in beside.values())
    return SUPPORTED if most else UNDECIDED


def _beside(beside: Mapping[str, Estimate]) -> str:
    sure = {
        name: f"{name}, by {points(one.value, one.low, one.high)}" for name, one in beside.items() if one.sure
    }
    told = {
        "more than what was tried of": [text for name, text in sure.items() if beside[name].value > 0],
        "less than what was tried of": [text for name, text in sure.items() if beside[name].value < 0],
        "not clearly more or less than what was tried of": [name for name in beside if name not in sure],
    }
    parts = [f"{what} {listed(names)}" for what, names in told.items() if names]
    return f"That is {'; '.join(parts)}." if parts else "Nothing else was varied to compare that with."
