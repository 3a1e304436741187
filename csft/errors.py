"""Errors a user can act on. Each message names the setting, the value received and what to do next."""

from collections.abc import Sequence
from pathlib import Path
from signal import Signals


class CsftError(Exception):
    """Anything csft stops on by design; the command prints the message alone and exits with `status`."""

    status = 1


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


class StoppedError(CsftError):
    """Training that was asked to stop by a signal; the same command goes on where it was."""

    def __init__(self, by: Signals, done: int, updates: int, kept: Path | None) -> None:
        state = f"the state is kept in {kept}" if kept else "nothing was done yet or could be kept"
        what = f"Stopped by {by.name} after update {done} of {updates}"
        super().__init__(f"{what}; {state}. The same command goes on from there.")
        self.by, self.done, self.kept = by, done, kept
        self.status = 128 + by  # what a process that the signal ends exits with


class ExamError(CsftError):
    """An exam, answer file or key that cannot be scored."""
