"""What there is to tell of a study's trials, in the words that notes, figures, tables and log lines share."""

import math
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from csft.errors import CsftError
from csft.study.attributes import (
    FAILURE,
    FOLDERS,
    HIGH,
    LOW,
    MEAN,
    OVERRIDES,
    PRUNED,
    RECORD,
    SPAN,
    STOPPED,
    SUMMARY,
    WORKER,
)
from csft.study.ledger import HISTORY, KILLED, is_lost, reason
from csft.track import RunFolder

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

SELECT = "select"  # the split that trials are judged by
STATES = ("running", "waiting", "finished", "infeasible", "pruned", "failed", KILLED)
_NAMES = {"RUNNING": "running", "WAITING": "waiting", "PRUNED": "pruned", "FAIL": "failed"}
COMMAND = "python -m csft.run"
ANSWERS_FROM = SPAN


def record(study: "Study") -> dict[str, Any] | None:
    """What csft keeps with its studies; None where other software made this one."""
    found = study.user_attrs.get(RECORD)
    return dict(found) if isinstance(found, Mapping) else None


def objectives(study: "Study") -> list[str]:
    """The names of a study's values; numbered where other software gave none."""
    named = study.metric_names
    return list(named) if named else [f"value {place}" for place in range(len(study.directions))]


def shown_trials(study: "Study") -> list["FrozenTrial"]:
    """The trials by number, without those that a later one goes on for."""
    trials = study.get_trials(deepcopy=False)
    superseded = {number for one in trials for number in one.system_attrs.get(HISTORY, ())}
    return [one for one in trials if one.number not in superseded]


def winners(study: "Study") -> list["FrozenTrial"]:
    """The best trial, or the Pareto front, best by the first objective first.

    Trials beyond a constraint never win; empty where none is left.
    """
    if len(study.directions) == 1:
        try:
            return [study.best_trial]
        except ValueError:  # none finished, or none within the constraints
            return []
    sign = -1 if study.directions[0].name == "MAXIMIZE" else 1
    return sorted(study.best_trials, key=lambda one: (sign * one.values[0], one.number))


def state(trial: "FrozenTrial") -> str:
    """One of `STATES`; `killed` is a failure that nobody could tell."""
    if trial.state.name == "COMPLETE":
        return "infeasible" if violated(trial) else "finished"
    if trial.state.name == "FAIL" and is_lost(trial) and WORKER in trial.user_attrs:
        return KILLED
    return _NAMES[trial.state.name]


def violated(trial: "FrozenTrial") -> list[str]:
    """The names of the constraints that a trial does not keep."""
    return [name for name, value in trial.constraints.items() if value > 0]


def why(trial: "FrozenTrial") -> str:
    """Why a trial is no candidate, on one line; empty for one that is."""
    now, attributes = state(trial), trial.user_attrs
    if now == "infeasible":
        return f"beyond {', '.join(violated(trial))}"
    if now == "failed" and FAILURE in attributes:
        return f"{reason(trial)}: {one_line(str(attributes[FAILURE].get('message', '')))}"
    if now == KILLED:
        return f"stopped by {attributes[STOPPED]}" if STOPPED in attributes else "its worker died"
    if now == "pruned" and PRUNED in attributes:
        at = attributes[PRUNED]
        part = f" on {at['answered']} of {at['questions']} questions" if "answered" in at else ""
        return f"given up at epoch {number(at.get('epoch'))} with {number(at.get('score'))}{part}"
    return ""


def setting(trial: "FrozenTrial") -> str:
    """What a trial tries, short: `cutoff=512 mix=full lr=0.00213`."""
    params = trial.params or trial.system_attrs.get("fixed_params") or {}
    if not params:
        return " ".join(trial.user_attrs.get(OVERRIDES, ()))
    return " ".join(f"{key.lstrip('+')}={number(value)}" for key, value in params.items())


def number(value: Any) -> str:
    """A value in few characters; what is no fraction as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def command(trial: "FrozenTrial") -> str | None:
    """The line that runs a trial alone; None where other software made it."""
    words = trial.user_attrs.get(OVERRIDES)
    return f"{COMMAND} {shlex.join(words)}" if words else None


def hours(trial: "FrozenTrial") -> float | None:
    """How long a finished trial took."""
    if trial.datetime_start is None or trial.datetime_complete is None:
        return None
    return (trial.datetime_complete - trial.datetime_start).total_seconds() / 3600


def given_up_in_exams(trials: Sequence["FrozenTrial"]) -> str:
    """How many trials were given up in the middle of an exam, and what was not asked; empty without any."""
    parts = [one.user_attrs[PRUNED] for one in trials if "answered" in one.user_attrs.get(PRUNED, ())]
    if not parts:
        return ""
    asked, of = (sum(one[name] for one in parts) for name in ("answered", "questions"))
    return f"{len(parts)} given up in the middle of an exam: {of - asked} of {of} questions not asked"


def latest_score(trial: "FrozenTrial") -> float | None:
    """The first value of a finished trial, else its latest score during training.

    Where answers were reported one by one (the Wilcoxon pruner), the share of right ones in percent; of a
    trial that was given up, in the exam that it was given up in.
    """
    if PRUNED in trial.user_attrs:
        return float(trial.user_attrs[PRUNED]["score"])
    if trial.values:
        return float(trial.values[0])
    reported = trial.intermediate_values
    if by_answer(reported):
        marks = [value for step, value in reported.items() if step < MEAN]
        return 100 * reported.get(MEAN, sum(marks) / max(len(marks), 1))
    finite = [step for step, value in reported.items() if math.isfinite(value)]
    return reported[max(finite)] if finite else None


def by_answer(reported: Mapping[int, float]) -> bool:
    """Tell whether intermediate values are marks of single answers instead of scores of exams."""
    return any(step >= ANSWERS_FROM for step in reported)


def interval(trial: "FrozenTrial") -> tuple[float, float] | None:
    """The 95 % interval of a trial's score in percent, of its first seed."""
    summary = trial.user_attrs.get(SUMMARY, {})
    return (summary[LOW], summary[HIGH]) if {LOW, HIGH} <= summary.keys() else None


def result(trial: "FrozenTrial") -> dict[str, Any] | None:
    """What the first run of a trial stored; None where its folder is gone, unfinished or damaged."""
    for folder in trial.user_attrs.get(FOLDERS, ())[:1]:
        try:
            return RunFolder(folder).result()
        except (CsftError, OSError):
            return None
    return None


def truncation(trial: "FrozenTrial") -> dict[str, dict[str, Any]]:
    """The content of truncation.json of a trial's first run; empty where there is none."""
    for folder in trial.user_attrs.get(FOLDERS, ())[:1]:
        try:
            return RunFolder(folder).truncation
        except (CsftError, OSError):
            return {}
    return {}


def total(stored: Mapping[str, Any] | None, split: str = SELECT, who: str = "scores") -> dict[str, float]:
    """Percent, low, high and n of a split in a stored result; empty where it was not examined."""
    try:
        return dict(stored[who][split]["figures"]["total"]) if stored else {}
    except (KeyError, TypeError):
        return {}


def sub_exams(stored: Mapping[str, Any] | None) -> dict[str, dict[str, dict[str, Any]]]:
    """The sub-exam rows of a stored result as {sub-exam: {split: row}}, in the benchmark's order."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}
    for row in (stored or {}).get("sub_exams", ()):
        rows.setdefault(row["key"], {})[row["split"]] = row
    return rows


def one_line(text: str, limit: int = 160) -> str:
    """A message without its line breaks, cut where it is long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def counts(trials: Sequence["FrozenTrial"]) -> dict[str, int]:
    """How many trials are in each state, in the order of `STATES`; states without any are left out."""
    found = [state(one) for one in trials]
    return {name: found.count(name) for name in STATES if name in found}
