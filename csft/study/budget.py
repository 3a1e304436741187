"""When a study starts no more trials: its total, its budget, its terminator, its fuse."""

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from csft.study import ledger
from csft.study.attributes import ENDED, FAILURE, HIGH, LOW, SINCE, SUMMARY, TOTAL
from csft.study.ledger import Ledger
from csft.study_config import Budget

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

FUSE = "fuse: "  # how the reason of a study begins that failed from the start
LEAST = 20  # finished trials before the regret bound means something (Optuna's own default)


def enough(budget: Budget) -> Callable[["Study", Ledger], str | None]:
    """Give the question that a study asks before every trial: why not to start it, or None."""

    def why_not(study: "Study", known: Ledger) -> str | None:
        total = study.user_attrs.get(TOTAL)
        if total is not None and known.started >= total:
            return f"all {total} trials are done or under way"
        if budget.hours is not None and known.hours >= budget.hours:
            return f"study.budget.hours={budget.hours:g} are spent ({known.hours:.2f})"
        if budget.epochs is not None and known.epochs >= budget.epochs:
            return f"study.budget.epochs={budget.epochs:g} are spent ({known.epochs:.1f})"
        ended = _blown(known, budget.fuse, study.user_attrs.get(SINCE, 0)) or _settled(study, known, budget)
        if ended:
            study.set_user_attr(ENDED, ended)
        return ended

    return why_not


def _blown(known: Ledger, fuse: int, since: int) -> str | None:
    first = [one for one in known.settled if one.number >= since][:fuse]
    if not fuse or len(first) < fuse or not all(one in known.failed for one in first):
        return None
    kinds = {(ledger.reason(one), one.user_attrs.get(FAILURE, {}).get("kind")) for one in first}
    if len(kinds) > 1:
        return None
    reason = ledger.reason(first[0])
    message = first[0].user_attrs.get(FAILURE, {}).get("message", "its worker was killed each time")
    return f"{FUSE}the first {fuse} trials all failed: {reason}. {message}"


def _settled(study: "Study", known: Ledger, budget: Budget) -> str | None:
    """Ask Optuna's terminator whether a better score is to be expected."""
    if budget.terminator == "none" or len(study.directions) > 1:
        return None
    from optuna import terminator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # experimental and to be moved, says Optuna
        if budget.terminator == "stagnation":
            evaluator = terminator.BestValueStagnationEvaluator(budget.stagnation)
            ends = terminator.Terminator(evaluator, min_n_trials=1).should_terminate(study)
            return f"no better score in {budget.stagnation} trials (terminator)" if ends else None
        return _regret(study, known.complete)


def _regret(study: "Study", complete: Sequence["FrozenTrial"]) -> str | None:
    """Stop where what could still be won is less than the best score's own standard error."""
    from optuna import terminator

    noise = _standard_error(study.best_trial) if len(complete) >= LEAST else None
    if noise is None:
        return None
    judge = terminator.Terminator(
        terminator.RegretBoundEvaluator(), terminator.StaticErrorEvaluator(noise), min_n_trials=LEAST
    )
    if not judge.should_terminate(study):
        return None
    return f"what could still be won is less than the best score's standard error of {noise:.1f} (terminator)"


def _standard_error(trial: "FrozenTrial") -> float | None:
    figures = trial.user_attrs.get(SUMMARY, {})
    if LOW not in figures:
        return None
    return float(figures[HIGH] - figures[LOW]) / 2 / 1.96  # of a 95 % interval
