"""Folders of the cache: found whole, or built once, whoever else is starting at the same time.

    store = built(folder, write, read)      # `read` it; where it is missing or damaged, `write` it first

A folder appears by a rename, so a reader needs no lock and a killed writer leaves nothing that looks whole.
Writers of one folder take turns by a lock beside it, which the operating system drops with its holder. On a
file system that knows no locks several may do the same work; the first to finish is kept.
"""

import errno
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from csft.console import say
from csft.errors import DataError
from csft.files import hash_files, whole_folder

if TYPE_CHECKING:
    from filelock import FileLock

Found = TypeVar("Found")

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP}
_REMEDY = "Set data.cache, or the environment variable CSFT_CACHE, to a folder"


def built(folder: Path, build: Callable[[Path], object], find: Callable[[Path], Found]) -> Found:
    """What `find` reads from `folder`; where that is not there whole, `build` first fills an empty folder.

    `find` raises DataError for a damaged folder, which is put away. DataError when the cache cannot be
    written or has no room.
    """
    found = _found(folder, find)
    if found is None:
        with _locked(folder) as alone, room_for(folder):
            found = _found(folder, find, _put_away)  # another process may have built it meanwhile
            if found is None:
                if alone:
                    _clear_abandoned(folder.parent, folder.name)
                with whole_folder(folder) as temporary:
                    build(temporary)
                found = find(folder)
    return found


@contextmanager
def room_for(folder: Path, needs: int = 0) -> Iterator[None]:
    """Write about `needs` bytes to `folder`: DataError when the disk is full, at once if they cannot fit."""
    free = shutil.disk_usage(folder.parent).free
    if free < needs / 2:  # an estimate: what might fit is tried
        raise _full(folder, free, needs)
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise _full(folder, free, needs, f": {error.strerror}") from error
        raise


def code_hash(files: list[Path]) -> str:
    """Hash of the modules that decide what a step writes, so that a fixed one is never served stale."""
    return hash_files(files, Path(__file__).parent.parent)


def _put_away(folder: Path, why: str) -> None:
    """Rename first: nobody may find the folder half deleted."""
    say(f"{why}. It is built again.")
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=f".{folder.name}.", ignore_cleanup_errors=True
    ) as aside:
        with suppress(FileNotFoundError):  # someone else was first
            folder.rename(Path(aside) / "content")
        shutil.rmtree(Path(aside) / "content", ignore_errors=True)


def _found(
    folder: Path, find: Callable[[Path], Found], damaged: Callable[[Path, str], None] | None = None
) -> Found | None:
    if not folder.is_dir():
        return None
    try:
        return find(folder)
    except DataError as error:
        if damaged:
            damaged(folder, str(error))
        return None


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Wait until no other process builds `folder`; False where the file system knows no locks."""
    from filelock import Timeout

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = _lock(folder.parent, folder.name)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            say(f"Another process is building {folder}: waiting for it.")
            lock.acquire()
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise DataError(
                f"The cache {folder.parent} cannot be written: {error}. {_REMEDY} that can."
            ) from error
    try:
        yield lock.is_locked
    finally:
        lock.release()


def _lock(parent: Path, name: str) -> "FileLock":
    from filelock import FileLock

    return FileLock(parent / f".{name}.lock", fallback_to_soft=False)


def _clear_abandoned(parent: Path, mine: str) -> None:
    """Delete unfinished folders of writers that were killed: those whose lock nobody else holds."""
    from filelock import Timeout

    for left in parent.glob(".*.*"):
        owner = left.name[1:].rpartition(".")[0]
        if not left.is_dir():
            continue
        if owner == mine:
            shutil.rmtree(left, ignore_errors=True)
            continue
        with suppress(Timeout, OSError), _lock(parent, owner).acquire(timeout=0):
            shutil.rmtree(left, ignore_errors=True)


def _full(folder: Path, free: int, needs: int, told: str = "") -> DataError:
    temporary = folder.parent.name.startswith(".")
    place = folder.parent.parent if temporary else folder.parent
    about = f", about {_size(needs)} are needed" if needs else ""
    return DataError(
        f"No room in the cache {place}{told}. {_size(free)} were free{about}. {_REMEDY} on a larger disk, or "
        "make room there."
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
