"""What a trial tells a tracker, and the tracker that shows nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypedDict

from csft.track.runfolder import RunFolder


class SubExamRow(TypedDict):
    """One sub-exam's figures in a result; scores and interval ends in percent."""

    split: str  # select | val | test
    key: str  # <exam type>/<sub-exam>, as in physician/licensed_physician
    chinese: str
    n: int  # questions
    score: float
    low: float
    high: float
    base: float | None  # the untrained model on the same questions


@dataclass
class State:
    """How tracking went; part of the trial's result."""

    kind: str
    mode: str = "none"  # online | offline | none
    place: str | None = None  # the tracker's own folder
    address: str | None = None  # the run's page
    down: str | None = None  # why the tracker could not be used, or could be used in part alone

    def as_dict(self) -> dict[str, str | None]:
        """Give plain values for a result or manifest."""
        return asdict(self)


class Tracker(Protocol):
    """Shows a trial elsewhere. Nothing here raises, and only `finish` and `abandon` wait, for a bounded time.

    A tracker may be used again after `finish` or `abandon`, for the next trial.
    """

    state: State

    def start(
        self,
        folder: RunFolder,
        config: Mapping[str, Any],
        *,
        study: str,
        name: str,
        identity: str,
        tags: Sequence[str],
    ) -> None:
        """Open the trial's run and show what its folder has logged before."""

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """Show values that the run folder has stored."""

    def finish(self, result: Mapping[str, Any]) -> None:
        """Show the end: `result["summary"]` (flat names) and `result["sub_exams"]` (a list of SubExamRow)."""

    def abandon(self, reason: str) -> None:
        """Close the run of a trial that failed."""

    def prune(self, reason: str) -> None:
        """Close the run of a trial that was given up for its scores, which is no failure."""


class NoTracker:
    """Shows nothing; the run folder holds it all."""

    def __init__(self) -> None:
        self.state = State("none")

    def start(
        self,
        folder: RunFolder,
        config: Mapping[str, Any],
        *,
        study: str,
        name: str,
        identity: str,
        tags: Sequence[str],
    ) -> None:
        """Do nothing."""

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """Do nothing."""

    def finish(self, result: Mapping[str, Any]) -> None:
        """Do nothing."""

    def abandon(self, reason: str) -> None:
        """Do nothing."""

    def prune(self, reason: str) -> None:
        """Do nothing."""


def exam_summary(
    split: str,
    totals: Mapping[str, float],
    by_exam_type: Mapping[str, float],
    by_sub_exam: Mapping[str, float],
) -> dict[str, float]:
    """Name an exam's scores: `cmb/<split>/total`, `…/physician`, `…/physician/licensed_physician`."""
    return {f"cmb/{split}/{key}": score for key, score in {**totals, **by_exam_type, **by_sub_exam}.items()}
