"""What is no training, no exam and no conversation: `--cfg job`, a cold start, a trial in a warm worker.

    nox -s bench -- startup
    python tests/bench/startup.py [options]

A cold start is a command, from its first instruction to the first update that it logs, with the data prepared
and the untrained model examined by an earlier one. The overhead of a warm trial is its time less its updates,
exams and conversation; it is told by stages, and `between` is what no stage counts: inputs looked at, folder
and manifest written, the result printed. The first trial of a worker is not counted, which loads the base.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import measure

LEARNING_RATES = (
    1.1e-3,
    1.3e-3,
    1.5e-3,
    1.7e-3,
    1.9e-3,
    2.1e-3,
)  # none the default: no trial is there already
MODEL_WORK = ("base exam", "base chat", "training", "exam on the way", "exam", "chat")
LOOK_S = 0.005


def main() -> None:
    """Measure in turn; print the table."""
    given = _arguments()
    with tempfile.TemporaryDirectory(prefix="csft-bench-") as scratch:
        words = [*given.words, "tracker=none", f"output={scratch}"]
        _command(words)  # prepares
        composed = [_composed(words) for _ in range(given.repeats)]
        cold = [_cold(words, Path(scratch) / f"cold{number}") for number in range(given.repeats)]
        rows: list[measure.Row] = [["--cfg job", *_three(composed)], ["cold start", *_three(cold)]]
        for method in given.methods:
            stages = _warm([*words, f"tune={method}"], Path(scratch))
            rows += [[f"warm trial, {method}: {name}", *_three(spent)] for name, spent in stages.items()]
    print(f"\nSeconds; {' '.join(given.words)}. {measure.environment()}\n")
    print(measure.markdown(["what", "median", "least", "most"], rows))


def _command(words: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "csft.run", *words], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def _composed(words: list[str]) -> float:
    return _command([*words, "--cfg", "job"])


def _cold(words: list[str], output: Path) -> float:
    """Seconds to the first logged update of a command; what untrained models answered is linked to."""
    output.mkdir()
    (output / ".bases").symlink_to(output.parent / ".bases")
    command = [sys.executable, "-m", "csft.run", *words, f"output={output}"]
    started = time.perf_counter()
    with (output / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        while not any(path.stat().st_size for path in output.glob("*/*/metrics.jsonl")):
            if process.poll() is not None:
                raise RuntimeError((output / "log").read_text()[-2000:])
            time.sleep(LOOK_S)
        took = time.perf_counter() - started
        process.kill()
        process.wait()
    return took


def _warm(words: list[str], scratch: Path) -> dict[str, list[float]]:
    """Seconds of each stage of the trials of one worker, which a process of its own is."""
    out = scratch / "warm.json"
    command = [sys.executable, __file__, "--worker", str(out), "--words", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    stages: dict[str, list[float]] = json.loads(out.read_text())
    return stages


def _work(words: list[str], out: Path) -> None:
    """What a worker's trials took, first its own work and then all of it."""
    from csft.console import before_torch
    from csft.lasting import lasting

    before_torch()
    with lasting():
        from csft import compose, trial
        from csft.model import warm
    seen: list[dict[str, float]] = []
    with warm.keeping(), Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        for lr in LEARNING_RATES:
            config = compose.from_overrides([*words, f"lr={lr}"])
            started = time.perf_counter()
            result = trial.run(config)
            seen.append(_overhead(result.seconds, result.training, time.perf_counter() - started))
    names = dict.fromkeys(name for one in seen[1:] for name in one)
    out.write_text(json.dumps({name: [one.get(name, 0.0) for one in seen[1:]] for name in names}))


def _overhead(stages: Mapping[str, float], training: Mapping[str, Any], whole: float) -> dict[str, float]:
    around = {name: spent for name, spent in stages.items() if name not in MODEL_WORK}
    around["training, less its updates"] = stages["training"] - training["seconds"]
    around["looking up the untrained"] = stages["base exam"] + stages.get("base chat", 0.0)
    around["between"] = whole - sum(stages.values())
    return {**around, "in all": sum(around.values())}


def _three(seconds: list[float]) -> list[float]:
    return [statistics.median(seconds), min(seconds), max(seconds)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    small = ["+mix=full", "cutoff=128", "epochs=0.2"]
    parser.add_argument("--words", nargs="+", default=small, help="of the trials")
    parser.add_argument("--methods", nargs="+", default=["lora", "full"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    asked = _arguments()
    if asked.worker:
        _work(asked.words, asked.worker)
    else:
        main()
