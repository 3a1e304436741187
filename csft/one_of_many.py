"""Work that trials share and one of them does while the others wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from csft.console import say


@contextmanager
def one_of_many(folder: Path, work: str) -> Iterator[None]:
    """Keep other processes out of `folder` until this one has done its `work`, and wait for them before.

    A killed process leaves no lock behind. Where the file system knows none, all do the work.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".work.lock", fallback_to_soft=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        say(f"Another process does the {work}: waiting for it.")
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        say(f"{folder}: no lock on this file system ({error}), so trials that begin together repeat work")
    try:
        yield
    finally:
        lock.release()
