"""Errors a user can act on. Each message names the setting, the value received and what to do next."""

from collections.abc import Sequence


class CsftError(Exception):
    """Anything csft stops on by design; the command prints the message alone and exits with status 1."""


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


class ModelError(CsftError):
    """A checkpoint, tokenizer or adapter that is incomplete or does not fit."""


class TrainingError(CsftError):
    """Training that cannot go on: a loss that is not finite, nothing to train on."""


class ExamError(CsftError):
    """An exam, answer file or key that cannot be scored."""
