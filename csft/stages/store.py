"""Stages on disk: states of trainings, after the updates that several trials have in common.

<output>/.stages/
    .lock                                 who holds it may look, promise, and make room
    leases/<id>.json, <id>.lease          what a trial at work promises and uses (`csft.stages.leases`)
    <family>/step-00000120-<digest>/      a checkpoint (`csft.train.checkpoints`), and beside it
        metrics.jsonl, rungs.jsonl, …     what the trial that made it had logged and examined up to there

A family is what trainings are made of but for how long they go and how the rate does (`family`); the digest
is of all updates up to the step (`Route`). Least recently used stages make room for new ones.
"""

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csft.console import say
from csft.train import Checkpoint
from csft.train.checkpoints import MARKER, Parts, read, write

SHORT = 16  # hex digits of a hash in a folder's name; the whole of it is in the checkpoint


@dataclass(frozen=True)
class Stage:
    """One that lies on disk, whole or not."""

    folder: Path
    step: int
    digest: str  # its first digits


class Store:
    """All stages under a folder, which take at most `most` bytes."""

    def __init__(self, folder: Path, most: float) -> None:
        self.folder, self.most = folder, most

    def lock(self) -> Any:
        """A context in which nobody else looks or promises; OSError or NotImplementedError without locks."""
        from filelock import FileLock

        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / ".lock", fallback_to_soft=False)

    def stages(self, family: str) -> list[Stage]:
        """Those of a family, the furthest first."""
        found = []
        for folder in (self.folder / family[:SHORT]).glob("step-*-*"):
            step, _, digest = folder.name.removeprefix("step-").partition("-")
            if step.isdigit() and (folder / MARKER).is_file():
                found.append(Stage(folder, int(step), digest))
        return sorted(found, key=lambda one: -one.step)

    def read(self, stage: Stage, family: str, digest: str) -> Checkpoint | None:
        """Take it, if it is whole and what its name says; one that is not is said and deleted."""
        try:
            found = read(stage.folder, f"{family}/{digest}")
            os.utime(stage.folder / MARKER)
        except OSError as error:
            say(f"stage {stage.folder} is not used: {error or type(error).__name__}")
            return None
        except (ValueError, KeyError, TypeError) as error:
            say(f"stage {stage.folder} is not used, and deleted: {error or type(error).__name__}")
            shutil.rmtree(stage.folder, ignore_errors=True)
            return None
        return found

    def write(
        self,
        family: str,
        digest: str,
        step: int,
        *,
        parts: Parts,
        state: Mapping[str, Any],
        texts: Mapping[str, str],
    ) -> None:
        """Write a stage. Raises OSError where the disk does not take it."""
        name = f"step-{step:08d}-{digest[:SHORT]}"
        folder = self.folder / family[:SHORT] / name
        write(folder, step, f"{family}/{digest}", parts=parts, state=state, texts=texts)

    def make_room(self, size: float, used: Collection[str], at_work: Collection[str]) -> bool:
        """Delete stages that nobody uses until `size` bytes more are allowed; whether there is room then.

        What a killed process left half-written goes too, in families that nobody is `at_work` in.
        """
        if size > self.most:
            return False
        for family in self.folder.glob("*"):
            if family.name not in {name[:SHORT] for name in at_work}:
                for torn in family.glob(".step-*"):
                    shutil.rmtree(torn, ignore_errors=True)
        sizes = {folder: _size(folder) for folder in self.folder.glob("*/step-*")}
        free = self.most - sum(sizes.values())
        for folder in sorted(sizes, key=_last_used):
            if free >= size:
                break
            if str(folder) not in used:
                shutil.rmtree(folder, ignore_errors=True)
                free += sizes[folder]
        return free >= size


def _size(folder: Path) -> int:
    total = 0
    for file in folder.glob("*"):
        try:
            total += file.stat().st_size
        except OSError:  # deleted meanwhile
            continue
    return total


def _last_used(folder: Path) -> float:
    try:
        return (folder / MARKER).stat().st_mtime
    except OSError:
        return 0.0
