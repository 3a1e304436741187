"""Segments to the server, through `wandb sync`, in a process of its own that can be given up."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from csft.track.values import clean

ANSWER_S = 10  # for a server to answer at all
LOST_S = 20  # without an answer while an upload runs, and it is given up
LOOK_S = 0.2
LONGEST_S = 900  # for one call; predictions of a trial are megabytes
# W&B repeats a request for days, also one that the server refuses.
FEW_TRIES = {"WANDB_X_GRAPHQL_RETRY_MAX": "3", "WANDB_X_GRAPHQL_RETRY_WAIT_MAX_SECONDS": "5"}


def reachable(address: str) -> str | None:
    """Give why the server does not answer, or None where it does."""
    try:
        with urllib.request.urlopen(address, timeout=ANSWER_S):  # noqa: S310 - the address is the user's setting
            return None
    except urllib.error.HTTPError as error:
        return f"it answers {error.code} {error.reason}" if error.code >= 500 else None
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


def upload(segments: Sequence[Path], address: str, folder: Path) -> dict[Path, str]:
    """Upload segments; gives those that were not, each with the reason. `folder` takes what W&B says."""
    words, since = folder / "wandb-sync.log", time.monotonic()
    with words.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "wandb", "sync", "--include-synced", *map(str, segments)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_environment(),
            cwd=folder,  # it leaves a log where it is started
            start_new_session=True,  # Ctrl-C is for this process, which ends the other
        )
        service: list[int] = []
        try:
            given_up = _watch(process, service, address, since)
        finally:
            process.kill()
            process.wait()
            _end(service)
    told = words.read_text(encoding="utf-8", errors="replace").splitlines()
    lost = [path for path in segments if not list(path.glob("*.wandb.synced"))]
    return {path: given_up or _said(told, path) for path in lost}


def _environment() -> dict[str, str]:
    # This process's own W&B service would upload for the other, and go on when that is given up.
    inherited = {name: value for name, value in os.environ.items() if name != "WANDB_SERVICE"}
    return inherited | {"WANDB_MODE": "online", "WANDB_SILENT": "false", "NO_COLOR": "1"}


def _watch(process: "subprocess.Popen[bytes]", service: list[int], address: str, since: float) -> str | None:
    """Wait for the end; say why where it has to be given up. `service` is told W&B's own processes."""
    answered = looked = since
    while process.poll() is None:
        time.sleep(LOOK_S)
        now = time.monotonic()
        if not service:
            service += _children(process.pid)
        if now - looked < LOST_S / 4:
            continue
        looked, silent = now, reachable(address)
        answered = answered if silent else time.monotonic()
        if now - answered > LOST_S or now - since > LONGEST_S:
            return silent or f"not done within {LONGEST_S} s"
    return None


def _children(parent: int) -> list[int]:
    """Its processes of W&B; none where there is no /proc."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if _service(path) == parent]


def _service(process: Path) -> int | None:
    """The parent of a process, if it is W&B's service."""
    try:
        name, _, rest = (process / "stat").read_text(errors="replace").partition("(")[2].rpartition(")")
        return int(rest.split()[1]) if name.startswith("wandb") else None
    except (OSError, ValueError, IndexError):  # it has just ended
        return None


def _end(service: Sequence[int]) -> None:
    """End W&B's service, which outlives its parent by some seconds and would go on uploading."""
    for pid in service:
        if _service(Path("/proc") / str(pid)) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _said(told: Sequence[str], segment: Path) -> str:
    """What W&B said last of a run, or at all."""
    run_id = segment.name.rpartition("-")[2]
    lines = [line.removeprefix("wandb: ") for line in told]
    errors = [line.removeprefix("ERROR ") for line in lines if line.startswith("ERROR")]
    about = (
        [line for line in errors if run_id in line] or errors or [line for line in lines if run_id in line]
    )
    return str(clean(about[-1][:300])) if about else "wandb sync said nothing"
