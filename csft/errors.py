"""Errors a user can act on. Each message names the setting, the value received and what to do next."""

from collections.abc import Sequence
from signal import Signals
from typing import Any


class CsftError(Exception):
    """Anything csft stops on by design; the command prints the message alone and exits with `status`."""

    status = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as what it is: pickle would call `__init__` with the message alone."""
        return _again, (type(self), self.args, self.__dict__)


def _again(kind: type[CsftError], words: tuple[Any, ...], known: dict[str, Any]) -> CsftError:
    error = kind.__new__(kind, *words)
    error.__dict__.update(known)
    return error


class SettingError(CsftError):
    """A setting whose value cannot be used.

    >>> str(SettingError("cutoff", 0, "a whole number of tokens, at least 1"))
    'cutoff=0 cannot be used. Allowed: a whole number of tokens, at least 1.'
    """

    def __init__(self, setting: str, value: object, allowed: str) -> None:
        super().__init__(f"{setting}={value} cannot be used. Allowed: {allowed}.")
        self.setting, self.value, self.allowed = setting, value, allowed


class UnknownSettingError(CsftError):
    """A setting that does not exist; `close` are names that look like it."""

    def __init__(self, setting: str, value: object, close: Sequence[str] = ()) -> None:
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        super().__init__(f"{setting}={value}: there is no such setting.{hint} --cfg job prints them all.")


class DataError(CsftError):
    """A dataset, exam or cache file that is missing or not what its name says."""


class MissingError(DataError):
    """A file that is not there, where another one may do."""


class ModelError(CsftError):
    """A checkpoint, tokenizer or adapter that is incomplete or does not fit."""


class TrainingError(CsftError):
    """Training that cannot go on: a loss that is not finite, nothing to train on."""


class DivergedError(TrainingError):
    """A loss or gradient norm that is not finite: the result of the trial, with what a study needs of it.

    >>> str(DivergedError("loss", float("nan"), 7, 2.5))
    'The loss is nan at update 7; the last finite loss was 2.5. Lower lr.'
    """

    def __init__(self, what: str, value: float, update: int, last_loss: float | None) -> None:
        last = "" if last_loss is None else f"; the last finite loss was {last_loss:.4g}"
        super().__init__(f"The {what} is {value} at update {update}{last}. Lower lr.")
        self.update, self.last_loss = update, last_loss


class MemoryFullError(TrainingError):
    """Memory that is full, or that cannot suffice for what is planned: of the GPU or of the machine."""


class StoppedError(CsftError):
    """A trial that was asked to stop by a signal; the same command goes on where it was."""

    def __init__(self, by: Signals, when: str, state: str) -> None:
        super().__init__(f"Stopped by {by.name} {when}; {state}. The same command goes on from there.")
        self.by = by
        self.status = 128 + by  # what a process that the signal ends exits with


class PrunedError(CsftError):
    """A trial given up while it ran: `score` in percent on `select` after `epoch` epochs.

    In the middle of an exam, `answered` of its `questions` were, and the score is of these alone.

    >>> str(PrunedError(1.0, 20.3125))
    'Given up after epoch 1: 20.3 % on select.'
    >>> str(PrunedError(2.0, 12.5, 64, 168))
    'Given up after epoch 2: 12.5 % of the first 64 of 168 questions of select.'
    """

    def __init__(self, epoch: float, score: float, answered: int = 0, questions: int = 0) -> None:
        of = f"of the first {answered} of {questions} questions of select" if questions else "on select"
        super().__init__(f"Given up after epoch {epoch:.3g}: {score:.1f} % {of}.")
        self.epoch, self.score = epoch, score


class TimeLimitError(CsftError):
    """A trial that took longer than it may.

    >>> str(TimeLimitError(90.0))
    'The trial took longer than study.limits.minutes=90. Its state is kept; with more minutes it goes on.'
    """

    def __init__(self, minutes: float) -> None:
        super().__init__(
            f"The trial took longer than study.limits.minutes={minutes:g}. Its state is kept; with more "
            "minutes it goes on."
        )
        self.minutes = minutes


class ExamError(CsftError):
    """An exam, answer file or key that cannot be scored."""


class NotNumbersError(ExamError):
    """A model whose logits or losses are not numbers."""


class BusyError(CsftError):
    """A run folder that another process is working in."""
