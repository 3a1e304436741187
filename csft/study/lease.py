"""How a worker shows that it lives: a lock on a file that the kernel takes back when the process ends.

A database's signs of life tell of a death minutes later; on one machine this tells at once.
"""

import os
import socket
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def living(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Hold a lease under `folder`; gives what trials carry of it as their attribute `worker`."""
    from filelock import FileLock

    folder.mkdir(parents=True, exist_ok=True)
    path = (folder / f"{uuid.uuid4().hex}.lease").absolute()
    with FileLock(path):
        yield {"name": name, "host": socket.gethostname(), "pid": os.getpid(), "lease": str(path)}
    path.unlink(missing_ok=True)


def dead(worker: Mapping[str, Any]) -> bool:
    """Tell whether the worker is known to be dead; one on another machine never is.

    Locks of network file systems are not seen everywhere, so that only this machine's are trusted.
    """
    from filelock import FileLock, Timeout

    if worker.get("host") != socket.gethostname():
        return False
    path = Path(str(worker.get("lease")))
    if not path.is_file():
        return path.parent.is_dir()  # it left in good order; without the folder nothing is known
    try:
        with FileLock(path, blocking=False):
            pass
    except Timeout:
        return False
    path.unlink(missing_ok=True)
    return True
