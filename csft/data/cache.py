"""Folders of the cache: found whole, or put away and built again."""

import shutil
import tempfile
from pathlib import Path

from csft.console import say
from csft.files import hash_files


def put_away(folder: Path, why: str) -> None:
    """Rename first: another process that finds the same damage must not delete what was built anew."""
    say(f"{why}. It is built again.")
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=".damaged.", ignore_cleanup_errors=True
    ) as aside:
        try:
            folder.rename(Path(aside) / "content")
        except FileNotFoundError:
            return
        shutil.rmtree(Path(aside) / "content", ignore_errors=True)


def code_hash(files: list[Path]) -> str:
    """Hash of the modules that decide what a step writes, so that a fixed one is never served stale."""
    return hash_files(files, Path(__file__).parent.parent)
