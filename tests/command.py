"""The real command in a subprocess, for tests."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from csft.track import RunFolder

LIMIT_S = 900


@dataclass(frozen=True)
class Done:
    """What a finished command printed, and where it wrote."""

    status: int
    out: str
    err: str
    output: Path

    def folders(self, study: str = "default") -> list[RunFolder]:
        return [RunFolder(path.parent) for path in sorted((self.output / study).glob("*/result.json"))]


def run(*words: str, output: Path, cache: Path, env: Mapping[str, str] | None = None) -> Done:
    """Run `python -m csft.run` with `words`; it writes under `output` and caches under `cache` alone."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WANDB_", "CSFT_"))}
    settings = {**kept, "CSFT_CACHE": str(cache), "PYTHONWARNINGS": "ignore", **(env or {})}
    done = subprocess.run(
        [sys.executable, "-m", "csft.run", *words, f"output={output}"],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env=settings,
        cwd=Path(__file__).resolve().parents[1],
    )
    return Done(done.returncode, done.stdout, done.stderr, output)
