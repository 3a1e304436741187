"""Databases a study can use, those it cannot, and taking turns at one."""

import sqlite3
import subprocess
import sys
import time

import pytest

from csft.errors import CsftError, SettingError
from csft.study.storage import open_storage, shown, turn, url_of
from csft.study_config import Study


def test_the_default_is_a_file_beside_the_run_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert url_of(Study(), "outputs") == f"sqlite:///{tmp_path}/outputs/studies.db"
    assert url_of(Study(storage="postgresql+psycopg://h/d"), "outputs") == "postgresql+psycopg://h/d"


def test_a_password_is_not_shown():
    assert shown("postgresql+psycopg://user:secret@host/db") == "postgresql+psycopg://user:***@host/db"


@pytest.mark.parametrize("url", ["nonsense", "mongodb://host/db", "sqlite://", "sqlite:///:memory:"])
def test_what_is_no_database_of_ours_is_refused_with_what_is(url):
    with pytest.raises(SettingError, match=r"study\.storage=.*postgresql\+psycopg"):
        open_storage(url, create=True)


def test_a_file_that_is_not_there_is_not_made_by_reading(tmp_path):
    with pytest.raises(CsftError, match="no such file"):
        open_storage(f"sqlite:///{tmp_path / 'none.db'}")
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path):
    path = tmp_path / "notes.db"
    path.write_text("not a database, but some text of a hundred bytes or so " * 3)
    before = path.read_bytes()
    with pytest.raises(CsftError, match="not a database"):
        open_storage(f"sqlite:///{path}", create=True)
    assert path.read_bytes() == before


def test_a_database_that_cannot_be_reached_says_so_without_the_password():
    with pytest.raises(CsftError, match=r"study\.storage=.* cannot be used") as raised:
        open_storage("postgresql+psycopg://user:hush@127.0.0.1:9/db", create=True)
    assert "hush" not in str(raised.value)


def test_reading_never_makes_tables_beside_a_process_that_does(tmp_path):
    path = tmp_path / "s.db"
    url = f"sqlite:///{path}"
    open_storage(url, create=True)
    with sqlite3.connect(path) as database:  # as it stands a moment before Optuna is done
        database.execute("delete from alembic_version")
    with pytest.raises(CsftError, match="no studies"):
        open_storage(url)
    with sqlite3.connect(path) as database:
        assert database.execute("select count(*) from alembic_version").fetchone() == (0,)


def test_another_schema_version_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path / 's.db'}"
    open_storage(url, create=True)
    with sqlite3.connect(tmp_path / "s.db") as database:
        database.execute("update alembic_version set version_num = 'v9.9.9'")
    with pytest.raises(CsftError, match="schema"):
        open_storage(url)


def test_a_sign_of_life_that_fails_is_said_and_tried_again(tmp_path, monkeypatch, capsys):
    import optuna
    from optuna.exceptions import StorageInternalError
    from optuna.storages import RDBStorage

    given, stale = [], [True, False, False]

    def record(self, trial_id):
        given.append(trial_id)
        if stale[len(given) - 1]:
            raise StorageInternalError("the server closed the connection")

    monkeypatch.setattr(RDBStorage, "record_heartbeat", record)
    storage = open_storage(f"sqlite:///{tmp_path / 's.db'}", 1, create=True)
    study = optuna.create_study(storage=storage)

    def objective(trial):
        time.sleep(1.3)
        return 0.0

    study.optimize(objective, n_trials=1)
    assert len(given) == 2 and "closed the connection" in capsys.readouterr().err


def test_one_process_at_a_time_and_a_killed_one_lets_the_next_in(tmp_path):
    url = f"sqlite:///{tmp_path / 's.db'}"
    storage = open_storage(url, create=True)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\nfrom csft.study.storage import open_storage, turn\n"
            "with turn(open_storage(sys.argv[1]), 'x'): print('in', flush=True); time.sleep(60)",
            url,
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "in\n"
    from filelock import FileLock, Timeout

    with pytest.raises(Timeout), FileLock(f"{tmp_path / 's.db'}.x.lock", timeout=0.2):
        pass
    with turn(storage, "another study"):  # is not kept waiting
        pass
    holder.kill()
    holder.wait()
    with turn(storage, "x"):
        pass
