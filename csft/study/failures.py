"""Why a trial failed, in the few words that a study counts by."""

from typing import Any

from csft.errors import CsftError, DivergedError, MemoryFullError, TimeLimitError

DIVERGED, MEMORY, TIME, ERROR = "diverged", "out of memory", "time limit", "error"


class TrialFailedError(Exception):
    """A trial that failed and was told so: the study goes on."""


def told(error: BaseException) -> dict[str, Any]:
    """What a trial's attribute `failure` says of an error: reason, kind and message."""
    failure: dict[str, Any] = {
        "reason": _reason(error),
        "kind": type(error).__name__,
        "message": str(error) or type(error).__name__,
    }
    if isinstance(error, DivergedError):
        failure |= {"update": error.update, "last_loss": error.last_loss}
    return failure


def known(error: BaseException) -> bool:
    """Tell whether csft raised it by design, so that its message says all."""
    return isinstance(error, CsftError | MemoryError)


def _reason(error: BaseException) -> str:
    if isinstance(error, DivergedError):
        return DIVERGED
    if isinstance(error, MemoryFullError | MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return MEMORY
    if isinstance(error, TimeLimitError):
        return TIME
    return ERROR
