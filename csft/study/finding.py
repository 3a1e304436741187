"""Studies that are there already: which database, and which of its studies a command means."""

from typing import TYPE_CHECKING, Protocol

from csft import study_config
from csft.errors import DataError
from csft.study.storage import open_storage, shown, url_of

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage


class Named(Protocol):
    """The words that commands on studies share."""

    @property
    def study(self) -> str:
        """The study's name; empty for the only one."""

    @property
    def storage(self) -> str:
        """The database; empty for the file below `output`."""

    @property
    def output(self) -> str:
        """The folder that trials are written under."""


def named(settings: Named) -> "Study":
    """The study that was named; where none was, the only one. Raises DataError with those that are there."""
    storage = storage_of(settings)
    names = names_in(storage)
    if settings.study in names:
        return load(storage, settings.study)
    if not settings.study and len(names) == 1:
        return load(storage, names[0])
    there = ", ".join(names) or "none yet"
    what = f"study={settings.study}: no such study in" if settings.study else "Name one with study=NAME, of"
    raise DataError(f"{what} {shown(address(settings))}. There: {there}.")


def storage_of(settings: Named) -> "RDBStorage":
    """The database, opened for reading. Raises CsftError where there is none."""
    from optuna import logging

    logging.set_verbosity(logging.WARNING)
    return open_storage(address(settings))


def address(settings: Named) -> str:
    """The URL of the database, its password in it."""
    return url_of(study_config.Study(storage=settings.storage or None), settings.output)


def names_in(storage: "RDBStorage") -> list[str]:
    """The names of all studies in a database."""
    return sorted(one.study_name for one in storage.get_all_studies())


def load(storage: "RDBStorage", name: str) -> "Study":
    """A study by its name."""
    from optuna import load_study

    return load_study(study_name=name, storage=storage)
