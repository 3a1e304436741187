"""The database Optuna keeps studies in, and how processes take turns at it."""

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from csft.errors import CsftError, SettingError
from csft.study_config import Study

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

SQLITE, POSTGRESQL = "sqlite", "postgresql"
ALLOWED = (
    "a database as sqlite:///outputs/studies.db (a file; workers on this machine alone) or "
    "postgresql+psycopg://user:password@host/database"
)
BUSY_S = 60  # how long SQLite waits for another process's write


def url_of(study: Study, output: str) -> str:
    """The database of a study: the one named, or a file beside the run folders."""
    return study.storage or f"sqlite:///{(Path(output).expanduser() / 'studies.db').absolute()}"


def shown(url: str) -> str:
    """The URL without its password, for messages and logs."""
    return _parsed(url).render_as_string(hide_password=True)


def open_storage(url: str, heartbeat_s: int | None = None, *, create: bool = False) -> "RDBStorage":
    """Open the database at `url`; with `create`, make what is not there.

    With `heartbeat_s`, trials that run through it give a sign of life so often, and one that has given none
    for twice as long is dead. Raises SettingError for what is no URL of a database csft can use, and
    CsftError for one that cannot be reached or belongs to other software.
    """
    from optuna.exceptions import ExperimentalWarning
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    from csft.study.patient import PatientStorage

    parsed = _parsed(url)
    if parsed.get_backend_name() == SQLITE:
        _check_file(parsed, create)
    options = {"connect_args": {"timeout": BUSY_S}} if parsed.get_backend_name() == SQLITE else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # of heartbeats
            # Two processes that make the tables at once would both fail.
            engine = create_engine(url, poolclass=NullPool)
            if not create and not _is_ready(engine):
                raise CsftError(f"study.storage={shown(url)}: there are no studies in this database.")
            tables = _taking_turns(engine, "tables")
            with tables if create else nullcontext():
                return PatientStorage(
                    url,
                    engine_kwargs={**options, "pool_pre_ping": True},
                    heartbeat_interval=heartbeat_s,
                    skip_table_creation=not create,
                )
    except ImportError as error:
        extra = ' pip install "csft[postgres]" brings it.' if POSTGRESQL in parsed.drivername else ""
        raise CsftError(
            f"study.storage={shown(url)}: the driver of this database is missing ({error}).{extra}"
        ) from None
    except (SQLAlchemyError, RuntimeError, AssertionError) as error:
        raise CsftError(f"study.storage={shown(url)} cannot be used: {_reason(error)}") from None


@contextmanager
def turn(storage: "RDBStorage", study: str) -> Iterator[None]:
    """Keep the other processes of a study out for a moment; one that dies inside lets the next one in."""
    with _taking_turns(storage.engine, study):
        yield


@contextmanager
def _taking_turns(engine: "Engine", name: str) -> Iterator[None]:
    if engine.dialect.name == SQLITE:
        from filelock import FileLock

        with FileLock(f"{engine.url.database}.{name}.lock"):
            yield
        return
    from sqlalchemy import text

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # A lock of the session and not of a table: it ends with the connection, also of a killed process.
        connection.execute(text("select pg_advisory_lock(:key)"), {"key": _key(name)})
        try:
            yield
        finally:
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _key(name)})


def _key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"csft {name}".encode()).digest()[:8], signed=True)


def _is_ready(engine: "Engine") -> bool:
    """Tell whether all tables are there. Opening would make what is not, beside a process that is at it."""
    from sqlalchemy import inspect, text

    if not inspect(engine).has_table("alembic_version"):  # the last one that Optuna makes
        return False
    with engine.connect() as connection:
        return bool(connection.execute(text("select count(*) from alembic_version")).scalar_one())


def _check_file(parsed: "URL", create: bool) -> None:
    if not parsed.database or parsed.database == ":memory:":
        raise SettingError("study.storage", parsed, ALLOWED)
    path = Path(parsed.database)
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    elif not path.is_file():
        raise CsftError(f"study.storage={parsed}: there is no such file.")


def _parsed(url: str) -> "URL":
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingError("study.storage", url, ALLOWED) from None
    if parsed.get_backend_name() not in (SQLITE, POSTGRESQL):
        raise SettingError("study.storage", parsed.render_as_string(hide_password=True), ALLOWED)
    return parsed


def _reason(error: Exception) -> str:
    told = str(getattr(error, "orig", None) or error).strip()
    return " ".join(told.split()) or type(error).__name__
