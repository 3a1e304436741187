"""What happened to a study's trials since the last look, one line each, for log files."""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from csft.study import outcomes
from csft.study.attributes import OVERRIDES, WORKER
from csft.study.ledger import HISTORY, KILLED
from csft.study.outcomes import latest_score, setting, state

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

OPEN = ("waiting", "running")


class Events:
    """Remembers what each trial was told of; what had ended before the first look is no event."""

    def __init__(self) -> None:
        self._states: dict[int, str] = {}
        self._exams: dict[int, int] = {}  # how many were told
        self._looked = False

    def since(self, trials: Sequence["FrozenTrial"]) -> Iterator[str]:
        """The lines for `trials` as they are now: a start, an exam during training, an end."""
        for trial in trials:
            before, now = self._states.get(trial.number, "waiting"), state(trial)
            if now == "running" and OVERRIDES not in trial.user_attrs:
                continue  # what it tries is not settled yet
            self._states[trial.number] = now
            if not self._looked and now not in OPEN:
                self._exams[trial.number] = len(trial.intermediate_values)
                continue
            if before == "waiting" and now != "waiting":
                yield f"trial {trial.number} started: {setting(trial)}{_worker(trial)}{_history(trial)}"
            yield from self._new_exams(trial)
            if now not in OPEN and before != now:
                yield _ending(trial)
        self._looked = True

    def _new_exams(self, trial: "FrozenTrial") -> Iterator[str]:
        reported = trial.intermediate_values
        if outcomes.by_answer(reported):  # thousands of them
            return
        told = self._exams.get(trial.number, 0)
        for step in sorted(reported)[told:]:
            final = trial.values and step == max(reported)  # the curve ends with the score of the end
            if math.isfinite(reported[step]) and not final:
                yield f"trial {trial.number} exam {step} during training: {reported[step]:.2f}"
        self._exams[trial.number] = len(reported)


def _ending(trial: "FrozenTrial") -> str:
    now, why, score, took = state(trial), outcomes.why(trial), latest_score(trial), outcomes.hours(trial)
    told = f"{', '.join(f'{value:.4g}' for value in trial.values)}" if trial.values else ""
    if not told and score is not None and now != KILLED:
        told = f"last score {score:.2f}"
    parts = [told, why, "" if took is None else f"{60 * took:.1f} minutes"]
    return f"trial {trial.number} {now}: {'; '.join(part for part in parts if part)}"


def _worker(trial: "FrozenTrial") -> str:
    worker = trial.user_attrs.get(WORKER, {})
    return f" (worker {worker['name']})" if worker.get("name") else ""


def _history(trial: "FrozenTrial") -> str:
    history = trial.system_attrs.get(HISTORY)
    return f", goes on for trial {history[-1]}" if history else ""
