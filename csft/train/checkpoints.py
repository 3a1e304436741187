"""Checkpoints of one trial's training: written whole or not at all, verified before one is used.

<folder>/step-00000120/
    weights.safetensors    the trained weights, by name
    optimizer.safetensors  the optimiser's state,
    random.safetensors     and torch's random states: neither where no update is to follow
    checkpoint.json        written last: step, trial, counters, and a checksum of each file above

A folder without checkpoint.json, or with a file that is not what it says, is never loaded.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.console import say
from csft.files import hash_file, whole_folder, write_json

if TYPE_CHECKING:
    from torch import Tensor

MARKER = "checkpoint.json"
Parts = Mapping[str, Mapping[str, "Tensor"]]


@dataclass(frozen=True)
class Checkpoint:
    """One that was found whole: `step` updates are done, `state` is what JSON holds of them."""

    folder: Path
    step: int
    state: dict[str, Any]

    def tensors(self, part: str) -> dict[str, "Tensor"]:
        """Read `<part>.safetensors`; empty where it was not written."""
        from safetensors.torch import load_file

        file = self.folder / f"{part}.safetensors"
        return load_file(file) if file.exists() else {}


class Checkpoints:
    """The checkpoints of the trial `key` in a folder, of which the latest `keep` stay."""

    def __init__(self, folder: str | Path, key: str, keep: int = 2) -> None:
        self.folder, self.key, self.keep = Path(folder), key, keep

    def save(self, step: int, parts: Parts, state: Mapping[str, Any]) -> Checkpoint:
        """Write one and drop the oldest; an OSError (a full disk) leaves those before as they were."""
        path = self.folder / f"step-{step:08d}"
        shutil.rmtree(path, ignore_errors=True)  # of this step, and not whole: `latest` passed it over
        written = write(path, step, self.key, parts=parts, state=state)
        for old in self._folders()[self.keep :]:
            shutil.rmtree(old, ignore_errors=True)
        return written

    def latest(self) -> Checkpoint | None:
        """Give the furthest one that is whole and of this trial; those passed over are named aloud."""
        for folder in self._folders():
            try:
                return read(folder, self.key)
            except (OSError, ValueError, KeyError, TypeError) as error:
                say(f"checkpoint {folder} is not used: {error or type(error).__name__}")
        return None

    def clear(self) -> None:
        """Delete them all: the trial is finished."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _folders(self) -> list[Path]:
        """The furthest first."""
        return sorted(self.folder.glob("step-*"), reverse=True)


def write(
    path: Path,
    step: int,
    key: str,
    *,
    parts: Parts,
    state: Mapping[str, Any],
    texts: Mapping[str, str] | None = None,
) -> Checkpoint:
    """Write a checkpoint of the training `key` as the folder `path`; `texts` are further files by name."""
    with whole_folder(path) as folder:
        for name, tensors in parts.items():
            if tensors:
                _write(tensors, folder / f"{name}.safetensors")
        for name, text in (texts or {}).items():
            (folder / name).write_text(text, encoding="utf-8")
        files = {file.name: hash_file(file) for file in sorted(folder.iterdir())}
        marker = {"step": step, "trial": key, "files": files, "state": dict(state)}
        write_json(folder / MARKER, marker)
    return Checkpoint(path, step, dict(state))


def read(folder: Path, key: str) -> Checkpoint:
    """The checkpoint in a folder, or an error: OSError, or ValueError, KeyError or TypeError for content."""
    if not (folder / MARKER).is_file():
        raise ValueError(f"{MARKER} is missing, it was not finished")
    marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    if marker["trial"] != key:
        raise ValueError("it belongs to another trial")
    for name, digest in marker["files"].items():
        if hash_file(folder / name) != digest:
            raise ValueError(f"{name} is not what was written")
    return Checkpoint(folder, int(marker["step"]), dict(marker["state"]))


def _write(tensors: Mapping[str, "Tensor"], file: Path) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(dict(tensors), file)
    except SafetensorError as error:  # a full disk, in its words
        raise OSError(str(error)) from error
