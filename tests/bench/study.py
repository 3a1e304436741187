"""A whole study of fine-tunings: csft against LLaMA-Factory as its users run it, on the same machine in turn.

    nox -s bench -- study --peer LLAMA_FACTORY/bin/python --results FOLDER
    python tests/bench/study.py [options]

A study is 12 trials, 2 cut-offs × 2 learning rates × 1, 2 and 3 epochs, once with all weights tuned and once
with LoRA. LLaMA-Factory runs one `llamafactory-cli train` after another; csft one `python -m csft.run -m`,
and again with its ideas switched off. `least` (2.2 million parameters, 200 records) shows what a trial costs
besides training, `tiny` is the tiny model of the other benchmarks (14.1 million, 200 records), and of `big`
(113 million, 16 records) training is nearly all of the time. The default is `least` alone:
the others take hours.

Equal are: model, records and their order, updates of 8 records, cut-offs, learning rate of every update
(constant after a warm-up), clipping, AdamW without weight decay, float32, no gradient checkpointing, where an
adapter starts, that the tuned weights of every trial are saved, and a machine with nothing cached. So is the
loss of every update of all trials, which the table tells. LLaMA-Factory reads the records of all epochs as
one epoch of a file (study_world.py says why); it has no exam, so csft's are off, and are measured against one
another with `--exams`.

Not equal is what each does by itself: LLaMA-Factory pads and computes logits everywhere, csft joins an
update's records into one row (`--batching padded` pads too) and computes logits at labels. csft converts,
screens and tokenises once and keeps a run folder per trial: manifest, metrics, checkpoint.

With no exam csft's trials are judged by their hours, and study.pack=auto would pack none: LoRA studies
without exams say study.pack=8, which auto takes in a grid otherwise.

Makespan is from the first command's start to the last one's end, CPU-hours are of all processes, memory is
the most that all of them held at once. Every run is written to `--results` as soon as it is done; the same
command goes on from there, and with fewer sides (`--only`) prints what the folder has.
"""

import argparse
import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import measure
import records
import study_figure
import study_sides
import study_tables
import study_world
from measure import Run
from study_plan import EXAM_SIDES, MODELS, PEER, QUICK, SIDES, TUNES, Model, chosen, key
from study_tables import Runs

NAME = "study"


def main() -> None:
    """Measure by turns; print the tables and draw the figure."""
    given = _arguments()
    if missing := [str(given.demo / name) for name in records.FILES if not (given.demo / name).exists()]:
        print(f"study: skipped, not there: {', '.join(missing)} (--demo)")
        return
    if not (given.peer and shutil.which(given.peer)):
        print(f"{PEER}: skipped, no Python at --peer={given.peer or '(none)'}")
        given.peer = None
    models = [QUICK] if given.quick else [_sized(MODELS[name], given.records) for name in given.models]
    studies = [(model, tune) for model in models for tune in given.tunes]
    with tempfile.TemporaryDirectory(prefix="csft-bench-", dir=given.work) as scratch:
        results = given.results or Path(scratch)
        runs = _stored(results, given.batching)
        for model in models:
            _measure(given, model, Path(scratch) / model.name, runs, results)
    print(f"\n{measure.environment()}")
    for model, tune in studies:
        _print(runs, model, tune)
    if given.results:
        for path in study_figure.write(runs, studies, results):
            print(f"figure: {path}")
    else:
        print("\nno figure: --results says where it goes")


def _measure(given: argparse.Namespace, model: Model, world: Path, runs: Runs, results: Path) -> None:
    """Run what is not there yet, a side after the other, so that a slow hour meets all of them."""
    sides = [(tune, side) for tune in given.tunes for side in chosen(given) if tune in side.tunes]
    wanted = [
        (number, tune, side)
        for number in range(given.repeats)
        for tune, side in sides
        if len(runs.get(key(model, tune, side), ())) <= number
    ]
    if not wanted:
        return
    study_world.make(given, model, given.tunes, world)
    for number, tune, side in wanted:
        one = study_sides.run(given, world, model, tune, side)
        runs.setdefault(key(model, tune, side), []).append(one)
        measure.save(results, NAME, runs, batching=given.batching)
        told = f"{one.wall_s:.1f} s, {study_tables.training_s(one):.1f} s of them training"
        print(f"{number + 1}/{given.repeats} {key(model, tune, side)}: {told}", flush=True)


def _print(runs: Runs, model: Model, tune: str) -> None:
    for sides in (SIDES, EXAM_SIDES):
        there = [runs[key(model, tune, side)] for side in sides if key(model, tune, side) in runs]
        if there:
            print(f"\n{model}, {tune}, {len(model.trials(tune))} trials: medians of {min(map(len, there))}\n")
            print(study_tables.compared(runs, model, tune, sides))
            print(f"\n{study_tables.stages(runs, model, tune, sides)}")
            print(f"\nlosses of {max(model.epochs)} epochs: {study_tables.falls(there[0][0])}")


def _stored(folder: Path, batching: str) -> Runs:
    """The runs of an earlier command, which has to have batched alike."""
    path = folder.expanduser() / f"{NAME}.json"
    if not path.is_file():
        return {}
    stored = json.loads(path.read_text(encoding="utf-8"))
    if stored["batching"] != batching:
        raise SystemExit(f"{path} has runs with --batching {stored['batching']}: give another --results")
    return {name: [Run(**one) for one in some] for name, some in stored["runs"].items()}


def _sized(model: Model, count: int) -> Model:
    return replace(model, records=count) if count else model


def _arguments() -> argparse.Namespace:
    parser, env = measure.arguments(__doc__, 0), os.environ
    parser.add_argument("--peer", default=env.get("CSFT_BENCH_PEER"), help="Python that has LLaMA-Factory")
    demo = env.get("CSFT_BENCH_DEMO", measure.SHARED / "bench" / "data")
    parser.add_argument("--demo", type=Path, default=demo)
    parser.add_argument("--models", nargs="+", choices=tuple(MODELS), default=["least"])
    parser.add_argument("--tunes", nargs="+", choices=TUNES, default=list(TUNES))
    names = [side.name for side in (*SIDES, *EXAM_SIDES)]
    parser.add_argument("--only", nargs="+", choices=names, metavar="SIDE", help="; ".join(names))
    parser.add_argument("--exams", action="store_true", help="also studies with exams, csft against itself")
    parser.add_argument(
        "--per-sub-exam", type=int, default=0, help="questions of a split (0: all of the sample)"
    )
    parser.add_argument("--batching", choices=("packed", "padded"), default="packed", help="csft's")
    parser.add_argument("--threads", type=int, default=0, help="of both sides (0: as they choose)")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="8 trials of a smaller model, without waiting")
    given = parser.parse_args()
    if given.quick:
        given.repeats, given.quiet = 1, 0
    return given


if __name__ == "__main__":
    main()
