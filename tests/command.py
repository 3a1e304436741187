"""The real command in a subprocess, for tests."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csft.track import RunFolder

LIMIT_S = 900
PROGRAM = ("-m", "csft.run")
TWO_PROCESSES = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *PROGRAM)


FIGURES = ("step", "train/loss", "train/lr", "train/grad_norm", "train/epoch")


def curve(folder: RunFolder) -> list[list[float]]:
    """What a trial logged that does not depend on the clock."""
    return [[row[name] for name in FIGURES] for row in folder.metrics()]


@dataclass(frozen=True)
class Done:
    """What a finished command printed, and where it wrote."""

    status: int
    out: str
    err: str
    output: Path

    def folders(self, study: str = "default") -> list[RunFolder]:
        return [RunFolder(path.parent) for path in sorted((self.output / study).glob("*/result.json"))]


def run(
    *words: str,
    output: Path,
    cache: Path,
    env: Mapping[str, str] | None = None,
    program: Sequence[str] = PROGRAM,
    python: str = sys.executable,
) -> Done:
    """Run `python -m csft.run` with `words`; it writes under `output` and caches under `cache` alone."""
    return finish(start(*words, output=output, cache=cache, env=env, program=program, python=python), output)


def finish(process: "subprocess.Popen[str]", output: Path) -> Done:
    """Wait for a started command."""
    try:
        out, err = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()  # nothing is left behind where waiting failed
    return Done(process.returncode, out, err, output)


def start(
    *words: str,
    output: Path,
    cache: Path,
    env: Mapping[str, str] | None = None,
    program: Sequence[str] = PROGRAM,
    python: str = sys.executable,
    **how: Any,
) -> "subprocess.Popen[str]":
    """Start the command and do not wait; `how` goes to Popen."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB_", "CSFT_"))}
    return subprocess.Popen(
        [python, *program, *words, f"output={output}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**kept, "CSFT_CACHE": str(cache), "PYTHONWARNINGS": "ignore", **(env or {})},
        cwd=Path(__file__).resolve().parents[1],
        **how,
    )
