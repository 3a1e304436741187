"""A generated corpus of a million records through the data room: converted, screened, tokenised.

    nox -s bench -- scale [--records 1000000]
    python tests/bench/scale.py [options]

Each line is a process of its own. "Read" converts alone; "tokens" prepares without the optional screening;
"all" is what a trial does by default, screened against the held-out split and 11,200 test questions. What
screening costs is the difference. Then the same again with the cache there and another cut-off. The figures
for the whole of Table 1 are extrapolated in proportion to the records.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import corpus
import measure
from measure import Run

HERE = Path(__file__).resolve().parent
WHOLE = 7_300_000
STEPS = {  # what is done, with which cut-off and cache
    "read: convert alone": ("read", 512, "none"),
    "tokens: convert, tokenise": ("tokens", 512, "tokens"),
    "all: convert, screen, tokenise": ("all", 512, "all"),
    "second cut-off, cache there": ("all", 256, "all"),
}


def main() -> None:
    """Measure step by step; print the tables."""
    given = _arguments()
    if not given.tokenizer.exists():
        print(f"scale: skipped, not there: {given.tokenizer} (--tokenizer)")
        return
    with tempfile.TemporaryDirectory(prefix="csft-bench-", dir=given.work) as scratch:
        root = given.corpus or Path(scratch) / "corpus"
        planted = corpus.generate(root, given.records, given.tokenizer)["datasets"]
        runs = {name: _step(given, root, Path(scratch), *step) for name, step in STEPS.items()}
    count = sum(one["records"] for one in planted.values())
    print(f"\n{count:,} generated records. {measure.environment()}\n")
    print(_times(runs, count) + "\n")
    print(_screened(planted, runs["all: convert, screen, tokenise"]))
    measure.save(given.results, "scale", {name: [one] for name, one in runs.items()}, planted=planted)


def _step(given: argparse.Namespace, root: Path, scratch: Path, do: str, cutoff: int, cache: str) -> Run:
    options = ["--root", root, "--cache", scratch / cache, "--tokenizer", given.tokenizer]
    options += ["--do", do, "--cutoff", str(cutoff)]
    one = measure.run([sys.executable, HERE / "pipeline.py", *options], quiet_s=given.quiet)
    if do != "all":
        shutil.rmtree(scratch / cache, ignore_errors=True)
    print(f"{do} {cutoff}: {one.wall_s:.0f} s", flush=True)
    return one


def _times(runs: dict[str, Run], count: int) -> str:
    header = [
        "step",
        "whole process, s",
        "records/s",
        "prepare, s",
        "rows and batches, s",
        "peak memory, MB",
        "others",
        f"extrapolated to {WHOLE:,}, min",
    ]
    rows: list[measure.Row] = []
    for name, one in runs.items():
        prepare, plan = one.figures.get("prepare_s", ""), ""
        if "rows_s" in one.figures:
            plan = one["rows_s"] + one["plan_s"]
        per_second = count / one.wall_s
        rows.append(
            [name, one.wall_s, per_second, prepare, plan, one.peak_mb, one.others, WHOLE / per_second / 60]
        )
    return measure.markdown(header, rows)


def _screened(planted: dict[str, Any], run: Run) -> str:
    """What screening left out beside what was planted (in rows; a dialogue gives several records)."""
    header = ["dataset", "records", "kept", "left out", "planted rows"]
    rows: list[measure.Row] = []
    for name, plants in planted.items():
        reasons = {**run["rejects"][name], **run["doubles"][name]}
        why = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
        what = ", ".join(
            f"{count:,} {kind}"
            for kind, count in plants.items()
            if kind not in ("records", "characters", "fresh")
        )
        rows.append([name, run["read"][name], run["kept"][name], why, what])
    return measure.markdown(header, rows)


def _arguments() -> argparse.Namespace:
    parser = measure.arguments(__doc__, 1_000_000)
    parser.add_argument("--corpus", type=Path, help="folder for the corpus, kept and found again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
