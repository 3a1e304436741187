"""The artifacts of a W&B run: its record, all predictions, and where the tuned weights lie.

The same content gives the same digest, for which W&B makes no new version.
"""

import contextlib
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from csft.console import say
from csft.track.runfolder import (
    ADAPTER,
    CHAT,
    CHECKPOINT,
    CONFIG,
    FAILURE,
    MANIFEST,
    METRICS,
    RESULT,
    TRUNCATION,
    RunFolder,
)
from csft.track.values import secrets

RECORD = (CONFIG, MANIFEST, METRICS, TRUNCATION, RESULT, FAILURE)
CHECKED_UP_TO = 1 << 20  # bytes; of a larger file of weights, place and size have to do


def artifacts(folder: RunFolder, run_id: str) -> list[Any]:
    """What there is of `trial-…`, `predictions-…` and `weights-…`, the last as references alone."""
    record = [folder.path / name for name in RECORD]
    answers = [*sorted(folder.path.glob("predictions-*.jsonl")), folder.path / CHAT]
    found = [_files("trial", run_id, record), _files("predictions", run_id, answers)]
    found += [_weights(folder.path / kind, run_id) for kind in (CHECKPOINT, ADAPTER)]
    return [one for one in found if one is not None]


def _files(kind: str, run_id: str, paths: list[Path]) -> Any:
    import wandb

    paths = [path for path in paths if path.exists() and not _tells_secrets(path)]
    if not paths:
        return None
    artifact = wandb.Artifact(f"{kind}-{run_id}", kind)
    for path in paths:
        # Immutable, or W&B would copy each file. csft writes files whole and replaces them by renaming.
        artifact.add_file(str(path.absolute()), name=path.name, policy="immutable", skip_cache=True)
    return artifact


def _weights(place: Path, run_id: str) -> Any:
    import wandb

    files = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else []
    if not files:
        return None
    sizes = {path.relative_to(place).as_posix(): path.stat().st_size for path in files}
    where = {"kind": place.name, "place": str(place.absolute()), "host": platform.node()}
    artifact = wandb.Artifact(
        f"weights-{run_id}", "model", metadata={**where, "bytes": sum(sizes.values()), "sizes": sizes}
    )
    for name, size in sizes.items():
        address = (place.absolute() / name).as_uri()
        artifact.add_reference(address, name=name, checksum=size <= CHECKED_UP_TO)
    return artifact


def _tells_secrets(path: Path) -> bool:
    """Files are written without secrets; one that became a secret since must not leave either."""
    hide = [secret.encode() for secret in secrets()]
    found = bool(hide) and any(secret in path.read_bytes() for secret in hide)
    if found:
        say(f"{path} holds the value of a key and is not uploaded")
    return found


@contextlib.contextmanager
def staged(place: Path) -> Iterator[None]:
    """Let W&B stage what it copies (tables) under `place` instead of the home folder."""
    before = os.environ.get("WANDB_DATA_DIR")
    os.environ["WANDB_DATA_DIR"] = str(place.absolute())  # read anew at every use
    try:
        yield
    finally:
        if before is None:
            del os.environ["WANDB_DATA_DIR"]
        else:
            os.environ["WANDB_DATA_DIR"] = before
