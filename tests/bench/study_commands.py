"""Commands one after another, as a user's shell would run them, each timed.

    python tests/bench/study_commands.py COMMANDS.json FIGURES.json

COMMANDS is {"folder": where the logs go, "commands": {name: [word, …]}}. The first that fails ends it, with
the end of its log.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def main(commands: Path, figures: Path) -> None:
    """Run them all; write seconds and seconds of cores of each."""
    given = json.loads(commands.read_text(encoding="utf-8"))
    took: dict[str, dict[str, float]] = {}
    for name, words in given["commands"].items():
        log = Path(given["folder"]) / f"{name}.log"
        took[name] = _run(words, log)
    figures.write_text(json.dumps({"commands": took}))


def _run(words: list[str], log: Path) -> dict[str, float]:
    started, before = time.perf_counter(), os.times()
    with log.open("wb") as file:
        code = subprocess.call(words, stdout=file, stderr=file, stdin=subprocess.DEVNULL)
    if code:
        sys.exit(f"{words} ended with {code}:\n{log.read_text(errors='replace')[-2000:]}")
    after = os.times()
    cores = after.children_user + after.children_system - before.children_user - before.children_system
    return {"wall_s": round(time.perf_counter() - started, 3), "cpu_s": round(cores, 2)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
