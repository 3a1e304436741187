"""How a trial ended and what it came to, as trackers show it; the same from a run folder as while it runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csft.track.runfolder import TRUNCATION, RunFolder

FINISHED, PRUNED, FAILED, UNFINISHED = "finished", "pruned", "failed", "unfinished"
_KINDS = {"PrunedError": PRUNED, "StoppedError": UNFINISHED}  # of failure.json; any other has failed


@dataclass(frozen=True)
class Ending:
    """One of the states above and the reason for it, which is empty where the trial is finished."""

    state: str
    reason: str = ""

    @property
    def exit_code(self) -> int:
        """What W&B tells finished runs from failed ones by; to be given up for a score is no failure."""
        return 0 if self.state in (FINISHED, PRUNED) else 1


def ending(folder: RunFolder, finished: bool) -> Ending:
    """How the trial of a run folder ended; `finished` says whether it has a whole result."""
    if finished:
        return Ending(FINISHED)
    failure = folder.failure()
    if failure is None:
        return Ending(UNFINISHED, "it ended without a word, or has not ended")
    return of_failure(str(failure.get("kind")), str(failure.get("message")))


def of_failure(kind: str, message: str) -> Ending:
    """What an error of this name means for its trial."""
    state = _KINDS.get(kind, FAILED)
    return Ending(state, message if state == PRUNED else f"{kind}: {message}")


def tags(config: Mapping[str, Any]) -> list[str]:
    """What runs are told apart by at a glance: mix, cut-off, how weights are tuned."""
    return [config["mix"]["name"], f"cutoff {config['cutoff']}", config["tune"]["method"]]


def exams(result: Mapping[str, Any]) -> dict[str, float]:
    """The final exams as rungs show theirs: `cmb/<split>/total`, its interval and the mean of sub-exams."""
    flat: dict[str, float] = {}
    for split, scores in result.get("scores", {}).items():
        total = scores["figures"]["total"]
        values = {
            "total": total["percent"],
            "low": total["low"],
            "high": total["high"],
            "macro": scores["macro"],
        }
        flat |= {f"cmb/{split}/{key}": value for key, value in values.items()}
    return flat


def summary(folder: RunFolder, end: Ending, result: Mapping[str, Any] | None) -> dict[str, Any]:
    """The figures of a trial by their flat names, with `state` and `reason`; `result` is what it stored."""
    flat: dict[str, Any] = {"state": end.state, "reason": end.reason}
    lost = folder.truncation if (folder.path / TRUNCATION).exists() else {}
    for dataset, cost in lost.items():
        flat |= {f"truncation/{dataset}/{key}": count for key, count in cost.items()}
    return flat if result is None else flat | dict(result.get("summary", {})) | exams(result)
