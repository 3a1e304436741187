"""Files written whole or not at all, and what identifies a file's content."""

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_HASHES: dict[Path, tuple[list[int], str]] = {}  # of this process: state and SHA-256
_LEDGER_FROM = 1 << 20  # bytes; a smaller file is hashed as fast as its entry is read
_SETTLED_NS = 2_000_000_000  # what was touched just before may change again within one tick of its clock


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
    """SHA-256 of a file's content, remembered while the file stays as it is; a large file's in the cache too.

    As it is: device, inode, size, mtime and ctime. Nobody can set a ctime back, so that a change shows also
    when size and mtime were restored. What no program wrote, a bit that rots on the disk, does not show.
    """
    with path.open("rb") as file:
        state = _state(file.fileno())
        known = _recall(path, state)
        if known:
            return known
        settled = time.time_ns() - state[-1] > _SETTLED_NS
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if settled and _state(file.fileno()) == state:
            _remember(path, state, digest)
    return digest


def _state(handle: int) -> list[int]:
    now = os.fstat(handle)
    return [now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns]


def _recall(path: Path, state: list[int]) -> str | None:
    if _HASHES.get(path.absolute(), ([], ""))[0] == state:
        return _HASHES[path.absolute()][1]
    if state[2] < _LEDGER_FROM or os.name == "nt":  # there, ctime is the time of creation
        return None
    try:
        entry = json.loads(_ledger(path).read_text(encoding="utf-8"))
        return str(entry["sha256"]) if entry["state"] == state and len(entry["sha256"]) == 64 else None
    except (OSError, RuntimeError, ValueError, KeyError, TypeError):  # RuntimeError: no home folder
        return None


def _remember(path: Path, state: list[int], digest: str) -> None:
    _HASHES[path.absolute()] = (state, digest)
    if state[2] >= _LEDGER_FROM:
        with contextlib.suppress(OSError, RuntimeError):  # no cache, no gain
            write_json(_ledger(path), {"path": str(path.absolute()), "state": state, "sha256": digest})


def _ledger(path: Path) -> Path:
    return cache_dir() / "hashes" / f"{hash_value(str(path.absolute()))[:32]}.json"


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
