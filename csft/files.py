"""Files written whole or not at all, and what identifies a file's content."""

import contextlib
import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


def cache_dir() -> Path:
    """The folder for what can be built again: `$CSFT_CACHE`, `$XDG_CACHE_HOME/csft` or `~/.cache/csft`."""
    named = os.environ.get("CSFT_CACHE")
    if named:
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "csft"


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary name in the same folder; on success it is fsynced and renamed to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; on success its files are fsynced and it is renamed to `path`.

    A folder that another process put at `path` meanwhile is kept and ours dropped.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=path.parent, prefix=f".{path.name}.", ignore_cleanup_errors=True
    ) as name:
        temporary = Path(name) / "content"
        temporary.mkdir()
        yield temporary
        for entry in (*temporary.rglob("*"), temporary):
            _sync(entry)
        with contextlib.suppress(OSError):  # not empty: someone else was first, with the same content
            temporary.rename(path)
        if not path.is_dir():
            raise OSError(f"{path} could not be put in place")
        _sync(path.parent)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON (UTF-8, Chinese unescaped) atomically."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def hash_files(paths: Iterable[Path], relative_to: Path | None = None) -> str:
    """SHA-256 over names and contents, independent of the order given."""
    whole = hashlib.sha256()
    for path in sorted(paths):
        name = path.relative_to(relative_to).as_posix() if relative_to else path.name
        whole.update(f"{name}\0{hash_file(path)}\n".encode())
    return whole.hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of one file's content; read once per process as long as its size and time stay the same."""
    status = path.stat()
    return _hash_as_of(path.resolve(), status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _hash_as_of(path: Path, _size: int, _time_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_value(value: Any) -> str:
    """SHA-256 of anything JSON can hold, keys in sorted order."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
