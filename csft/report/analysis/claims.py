"""The paper's claims before this study (CollectiveSFT, arXiv 2407.19705): what its trials say of each.

Cut-off length, epochs, learning rate and diversity are judged by the least-squares model of all trials'
scores on `select` (`fitting`), the other parameters held equal, each claim at the 5 % level.
Where a claim says which values to compare, their difference has Student's interval; where the study has to be
searched for the best and the worst, Scheffé's, which allows for the search. A claim is neither supported nor
contradicted by an interval that holds zero.
"""

import math

from csft.report.analysis import SUPPORTED, UNDECIDED, Claim
from csft.report.analysis.axes import Axis, plain
from csft.report.analysis.claim_of_conversation import conversation
from csft.report.analysis.claim_of_diversity import diversity
from csft.report.analysis.claim_words import NONE, more, not_tested, scheffe, stands, student
from csft.report.analysis.effects import Effects, extremes
from csft.report.analysis.fitting import Estimate, Fit
from csft.report.saying import value
from csft.report.study_data import StudyData
from csft.study.domains import Value

CUTOFF = "A shorter cut-off length, near the data's average length, scores better."
EPOCHS = "More epochs help."
RATE = "A well-tuned learning rate matters."


def claims(data: StudyData, found: Effects) -> tuple[Claim, ...]:
    """All five, in the paper's order."""
    return (_cutoff(found), _epochs(found), _rate(found), diversity(found), conversation(data))


def average_length(found: Effects) -> float | None:
    """Tokens of a record before any cut-off, over all records of all scored trials."""
    costs = [cost for one in found.trials if one.run for cost in one.run.result.truncation.values()]
    records = sum(cost.get("records", 0) for cost in costs)
    return sum(cost.get("tokens_before", 0) for cost in costs) / records if records else None


def _cutoff(found: Effects) -> Claim:
    told = _axis(found, "cutoff", CUTOFF)
    if isinstance(told, Claim):
        return told
    length = average_length(found)
    if not length:
        return not_tested(CUTOFF, "How long the records are is not known.")
    axis, fitted = told
    near = min(axis.shown(), key=lambda one: abs(math.log(float(one) / length)))
    longest = axis.shown()[-1]
    known = f"Records have {length:.0f} tokens on average"
    if near == longest:
        return not_tested(CUTOFF, f"{known}; no cut-off well above that was tried.")
    apart = _between(fitted, axis, near, longest)
    sentence = (
        f"{known}. A cut-off of {value(near)}, the nearest to that, scores {more(apart)} "
        f"than {value(longest)}, the longest."
    )
    return Claim(CUTOFF, stands(apart), sentence, student(fitted, apart))


def _epochs(found: Effects) -> Claim:
    told = _axis(found, "epochs", EPOCHS)
    if isinstance(told, Claim):
        return told
    axis, fitted = told
    fewest, most = axis.shown()[0], axis.shown()[-1]
    apart = _between(fitted, axis, most, fewest)
    sentence = f"Training for {value(most)} epochs scores {more(apart)} than for {value(fewest)}."
    return Claim(EPOCHS, stands(apart), sentence, student(fitted, apart))


def _rate(found: Effects) -> Claim:
    told, effect = _axis(found, "lr", RATE), found.of("lr")
    if isinstance(told, Claim) or effect is None:
        return told if isinstance(told, Claim) else not_tested(RATE, "")
    _, fitted = told
    apart, dimensions = extremes(fitted, effect)
    best, worst = (pick(effect.levels, key=lambda one: one.mean).value for pick in (max, min))
    sentence = f"The best rate, {value(best)}, scores {more(apart)} than the worst, {value(worst)}."
    standing = SUPPORTED if apart.low > 0 else UNDECIDED
    return Claim(RATE, standing, sentence, scheffe(fitted, apart, dimensions))


def _axis(found: Effects, name: str, claim: str) -> tuple[Axis, Fit] | Claim:
    """The parameter that a claim speaks of and the model; the claim where the study cannot say."""
    effect = found.of(name)
    if effect is not None and found.fit is not None:
        return found.fit.axis(effect.parameter), found.fit
    varied = [axis for axis in found.axes if plain(axis.name) == name and len(axis.levels) > 1]
    if not varied:
        return not_tested(claim, "This study did not vary it.")
    note = next(one.note for one in found.effects if one.parameter == varied[0].name)
    return Claim(claim, UNDECIDED, f"{note[:1].upper()}{note[1:]}.", NONE)


def _between(fitted: Fit, axis: Axis, one: Value, other: Value) -> Estimate:
    return fitted.estimate(fitted.row(axis.name, one) - fitted.row(axis.name, other))
