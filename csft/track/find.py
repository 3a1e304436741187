"""Which folder of a study belongs to a trial."""

from pathlib import Path
from typing import Any

from csft.console import say
from csft.errors import CsftError
from csft.track.runfolder import MANIFEST, RunFolder


def find(study: str | Path, identity: str) -> RunFolder | None:
    """Give the folder of a study whose manifest carries `identity`, finished or not.

    Where several do (a renamed trial, run again), a finished one comes first.
    """
    found = [folder for folder in _folders(Path(study)) if _identity(folder) == identity]
    return next((folder for folder in found if folder.result() is not None), found[0] if found else None)


def find_finished(study: str | Path, identity: str) -> RunFolder | None:
    """Give the finished, undamaged folder of this identity, or None. A damaged one is named aloud."""
    folder = find(study, identity)
    if folder is None or folder.result() is not None:
        return folder
    if damaged := folder.damage():
        say(f"{folder.path}: {', '.join(damaged)} changed or unreadable since the trial finished: not reused")
    return None


def _folders(study: Path) -> list[RunFolder]:
    return [
        RunFolder(path.parent)
        for path in sorted(study.glob(f"*/{MANIFEST}"))
        if ".damaged-" not in path.parent.name
    ]


def _identity(folder: RunFolder) -> Any:
    try:
        return folder.manifest.get("identity")
    except CsftError:
        return None  # a manifest nobody can read identifies nothing
