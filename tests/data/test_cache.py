"""Folders of the cache: built once, and never half."""

import errno
import threading
from pathlib import Path
from typing import Any

import filelock
import pytest

from csft.data import cache
from csft.data.cache import built, room_for
from csft.errors import DataError


def write(folder: Path) -> None:
    (folder / "content").write_text("whole", encoding="utf-8")


def read(folder: Path) -> str:
    content = (folder / "content").read_text(encoding="utf-8")
    if content != "whole":
        raise DataError(f"{folder} is damaged")
    return content


def never(_: Path) -> None:
    raise AssertionError("built twice")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "tokens" / "key"


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir() if not path.name.endswith(".lock"))


def test_what_is_there_is_found_and_not_built_again(folder: Path) -> None:
    assert built(folder, write, read) == "whole"
    assert built(folder, never, read) == "whole"
    assert visible(folder) == ["key"]


def test_damage_is_put_away_and_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built(folder, write, read)
    (folder / "content").write_text("who", encoding="utf-8")
    assert built(folder, write, read) == "whole"
    assert capsys.readouterr().out == f"{folder} is damaged. It is built again.\n"
    assert visible(folder) == ["key"]


def test_what_fails_leaves_nothing_and_lets_the_next_one_build(folder: Path) -> None:
    def fail(empty: Path) -> None:
        write(empty)
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        built(folder, fail, read)
    assert visible(folder) == []
    assert built(folder, write, read) == "whole"


def test_a_second_one_waits_says_so_and_finds_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def slowly(empty: Path) -> None:
        entered.set()
        go_on.wait(20)
        write(empty)

    first = threading.Thread(target=built, args=(folder, slowly, read))
    first.start()
    assert entered.wait(20)
    threading.Timer(0.3, go_on.set).start()
    assert built(folder, never, read) == "whole"
    first.join()
    assert capsys.readouterr().out == f"Another process is building {folder}: waiting for it.\n"


def test_abandoned_folders_are_deleted_and_those_being_written_are_not(folder: Path) -> None:
    parent = folder.parent
    for name in (".key.abc", ".other.abc", ".busy.abc"):
        (parent / name / "content").mkdir(parents=True)
    with filelock.FileLock(parent / ".busy.lock"):
        built(folder, write, read)
    assert visible(folder) == [".busy.abc", "key"]


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_the_first_to_finish_is_kept(
    number: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_lock(*_: Any, **__: Any) -> None:
        raise OSError(number, "no locks here")

    def overtaken(empty: Path) -> None:
        write(empty)
        built(folder, write, read)
        (folder / "first").touch()

    monkeypatch.setattr(filelock.FileLock, "acquire", no_lock)
    (folder.parent / ".other.abc").mkdir(parents=True)
    assert built(folder, overtaken, read) == "whole"
    assert (folder / "first").exists()
    assert visible(folder) == [".other.abc", "key"]  # who knows whose it is


@pytest.mark.parametrize("place", ["cache", "cache/tokens", "cache/tokens/.key.lock/x"])
def test_a_cache_that_cannot_be_written_is_named_with_the_remedy(place: str, tmp_path: Path) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).touch()
    folder = tmp_path / "cache" / "tokens" / "key"
    with pytest.raises(DataError, match=r"cannot be written.*data\.cache.*CSFT_CACHE") as raised:
        built(folder, write, read)
    assert str(folder.parent) in str(raised.value)


def test_a_file_in_the_folders_place_is_told(folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.touch()
    with pytest.raises(OSError, match="could not be put in place"):
        built(folder, write, read)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_with_what_is_needed(number: int, folder: Path) -> None:
    def fill(empty: Path) -> None:
        write(empty)
        with room_for(empty, 5_000_000):
            raise OSError(number, "full")

    with pytest.raises(DataError, match=r"about 5\.0 MB are needed.*data\.cache.*CSFT_CACHE") as raised:
        built(folder, fill, read)
    assert str(folder.parent) in str(raised.value)
    assert visible(folder) == []


def test_what_cannot_fit_is_not_begun(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 1_000_000_000})
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage)
    with room_for(folder, 1_900_000_000):
        pass
    with (
        pytest.raises(DataError, match=r"1\.0 GB were free, about 2\.1 GB are needed"),
        room_for(folder, 2_100_000_000),
    ):
        raise AssertionError("begun")


def test_other_errors_of_the_system_are_not_the_disks(folder: Path) -> None:
    def unreadable(_: Path) -> None:
        raise OSError(errno.EIO, "raw file")

    with pytest.raises(OSError, match="raw file"):
        built(folder, unreadable, read)
