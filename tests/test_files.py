"""Files written whole or not at all, and their hashes."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from csft import files
from csft.files import hash_file, hash_files, whole_file, whole_folder

LARGE = 1 << 20


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, and files that count as settled after a tenth of a second."""
    monkeypatch.setenv("CSFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(files, "_SETTLED_NS", 100_000_000)
    return tmp_path / "cache"


def entries(cache: Path) -> list[Path]:
    return sorted((cache / "hashes").glob("*.json"))


def settled(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    time.sleep(0.15)
    return path


def in_another_process(path: Path) -> str:
    code = (
        f"from csft.files import hash_file; from pathlib import Path; print(hash_file(Path({str(path)!r})))"
    )
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def forget() -> None:
    files._HASHES.clear()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("size", [0, 1, LARGE - 1, LARGE, LARGE + 1])
def test_a_hash_is_the_contents(size: int, tmp_path: Path, cache: Path) -> None:
    content = os.urandom(size)
    path = settled(tmp_path / "x", content)
    assert [hash_file(path), hash_file(path)] == [sha256(content)] * 2
    assert len(entries(cache)) == (size >= LARGE)
    forget()
    assert hash_file(path) == sha256(content)


def test_a_large_file_is_read_once_by_all_processes(tmp_path: Path, cache: Path) -> None:
    path = settled(tmp_path / "x", bytes(LARGE))
    hash_file(path)
    (entry,) = entries(cache)
    told = json.loads(entry.read_text(encoding="utf-8"))
    entry.write_text(json.dumps({**told, "sha256": "f" * 64}), encoding="utf-8")  # shows who was asked
    assert in_another_process(path) == "f" * 64


def in_place(path: Path, _: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\1")


def by_rename(path: Path, other: Path) -> None:
    other.write_bytes(b"\1" + bytes(LARGE - 1))
    other.replace(path)


@pytest.mark.parametrize("change", [in_place, by_rename])
@pytest.mark.parametrize("fresh", [True, False])
def test_a_change_shows_with_the_same_size_and_the_time_restored(
    change: Callable[[Path, Path], None], fresh: bool, tmp_path: Path
) -> None:
    path = settled(tmp_path / "x", bytes(LARGE))
    before = path.stat()
    first = hash_file(path)
    change(path, tmp_path / "y")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    now = path.stat()
    assert (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    if fresh:
        forget()
    assert hash_file(path) == sha256(b"\1" + bytes(LARGE - 1)) != first


def test_what_was_touched_just_before_is_not_remembered(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_SETTLED_NS", 60_000_000_000)
    path = settled(tmp_path / "x", bytes(LARGE))
    hash_file(path)
    assert entries(cache) == []
    assert path not in files._HASHES


def test_what_changes_while_it_is_read_is_not_remembered(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settled(tmp_path / "x", bytes(LARGE))
    digest = hashlib.file_digest

    def overtaken(*arguments: object) -> object:
        in_place(path, path)
        return digest(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(files.hashlib, "file_digest", overtaken)
    hash_file(path)
    assert entries(cache) == []


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "{}", '{"state": 1}', '{"state": [], "sha256": 5}', "\0" * 100, "\udcff"],
)
def test_a_damaged_entry_is_ignored_and_written_anew(content: str, tmp_path: Path, cache: Path) -> None:
    path = settled(tmp_path / "x", bytes(LARGE))
    hash_file(path)
    (entry,) = entries(cache)
    good = entry.read_bytes()
    entry.write_bytes(content.encode(errors="surrogateescape"))
    forget()
    assert hash_file(path) == sha256(bytes(LARGE))
    assert entry.read_bytes() == good


def test_without_a_cache_every_process_reads(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.touch()
    path = settled(tmp_path / "x", bytes(LARGE))
    assert hash_file(path) == sha256(bytes(LARGE))
    monkeypatch.delenv("CSFT_CACHE")
    monkeypatch.setattr(files.Path, "expanduser", _no_home)
    forget()
    assert hash_file(path) == sha256(bytes(LARGE))


def _no_home(_: Path) -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_many_at_once_agree(tmp_path: Path) -> None:
    paths = [settled(tmp_path / str(number), os.urandom(LARGE)) for number in range(3)] * 8
    with ThreadPoolExecutor(8) as pool:
        hashes = list(pool.map(hash_file, paths))
    assert hashes == [sha256(path.read_bytes()) for path in paths]


def test_the_hash_of_several_files_covers_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    both = hash_files([tmp_path / "a", tmp_path / "b"])
    assert both == hash_files([tmp_path / "b", tmp_path / "a"])
    (tmp_path / "a").rename(tmp_path / "c")
    assert both != hash_files([tmp_path / "c", tmp_path / "b"])


def test_what_fails_while_it_is_written_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), whole_file(tmp_path / "file") as file:
        file.write_text("half", encoding="utf-8")
        raise RuntimeError
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "folder") as folder:
        (folder / "file").write_text("half", encoding="utf-8")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_first_whole_folder_is_kept(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with whole_folder(tmp_path / "folder") as folder:
            (folder / "file").write_text(text, encoding="utf-8")
    assert (tmp_path / "folder" / "file").read_text(encoding="utf-8") == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
