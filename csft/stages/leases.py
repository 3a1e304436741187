"""What trials at work tell each other: which stages they will leave, and which one they begin from.

A lease is a file that says so and a lock beside it, which the kernel takes back when the process ends. Locks
of network file systems are not seen everywhere: only this machine's are trusted, and nobody waits for what a
trial on another machine promises.
"""

import json
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from csft.files import write_json

DAY_S = 86_400.0  # for so long a stage that another machine's trial uses is not deleted


@dataclass(frozen=True)
class Promise:
    """What a trial at work says of itself."""

    family: str
    trial: str
    stages: dict[int, str]  # to come: digests by step; empty where nobody may wait for it
    uses: str  # the folder of the stage that it begins from, or nothing

    @classmethod
    def of(cls, record: Mapping[str, Any], here: bool) -> "Promise":
        """What a file says; of another machine's trial nothing is waited for."""
        stages = {int(step): str(digest) for step, digest in record["stages"].items()} if here else {}
        return cls(str(record["family"]), str(record["trial"]), stages, str(record["uses"]))


class Lease:
    """One trial's promise, until `end` or the end of the process."""

    def __init__(self, folder: Path, promise: Promise) -> None:
        from filelock import FileLock

        folder.mkdir(parents=True, exist_ok=True)
        self.promise = promise
        self._file = folder / f"{uuid.uuid4().hex}.json"
        self._lock = FileLock(self._file.with_suffix(".lease"), fallback_to_soft=False)
        self._lock.acquire()
        self._write()

    def begun(self) -> None:
        """What it begins from was read, and is not needed any more."""
        if self.promise.uses:
            self.promise = replace(self.promise, uses="")
            self._write()

    def kept(self, step: int) -> None:
        """The stage of that step is there, or will not come."""
        if self.promise.stages.pop(step, None):
            self._write()

    def end(self) -> None:
        """Nothing is promised or used any more."""
        self._file.unlink(missing_ok=True)
        self._file.with_suffix(".lease").unlink(missing_ok=True)
        self._lock.release()

    def _write(self) -> None:
        one = self.promise
        told = {"family": one.family, "trial": one.trial, "stages": one.stages, "uses": one.uses}
        write_json(self._file, {**told, "host": socket.gethostname()})


def promises(folder: Path) -> Iterator[Promise]:
    """Those of trials at work; what dead ones left is taken away."""
    for file in folder.glob("*.json"):
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
            here = record["host"] == socket.gethostname()
            promise = Promise.of(record, here)
            fresh = here or time.time() - file.stat().st_mtime < DAY_S
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # ended meanwhile
        if fresh and not (here and _dead(file.with_suffix(".lease"))):
            yield promise
        else:
            file.unlink(missing_ok=True)
            file.with_suffix(".lease").unlink(missing_ok=True)


def _dead(lock: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(lock, blocking=False):
            return True
    except Timeout:
        return False
