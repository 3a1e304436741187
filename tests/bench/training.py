"""Tokens per second of fine-tuning a tiny model on a CPU: csft against LLaMA-Factory, in one run.

    nox -s bench -- training --peer LLAMA_FACTORY/bin/python
    python tests/bench/training.py [options]

Both train the same checkpoint on the same records for one epoch, cut-off 512, 8 rows an update, without
gradient checkpointing, by turns, each time in a fresh process. Tokens are those of the records: padding is
not counted. The peer is timed by its own `train_runtime`, csft around the whole call of `fit`.

"Same updates" hold the same records as LLaMA-Factory's, whose shuffling is off, so that every loss is equal;
csft computes the records of an update without padding, as train.batching=packed does. "As it is" is csft's
own way: shuffled, records of like length together (grouped), or rows filled anew (best_fit). LLaMA-Factory's
is measured as its users pack (neat_packing) and do not pack; `--more` adds plain packing, whose records see
each other, and eight micro-batches of one record, which have no padding either.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measure
import records
import training_model
from measure import Run

HERE = Path(__file__).resolve().parent
TRAINING = {"batch": 8, "warmup": 0.05}
RATES = {"full": 1e-3, "lora": 5e-3}
ONE_BY_ONE = {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 8}
SAME = 1e-4  # losses that differ by no more than this are equal
Runs = dict[str, list[Run]]


@dataclass(frozen=True)
class Side:
    """One way to train: settings of LLaMA-Factory, or csft's word for its batches."""

    name: str
    packed: bool
    batching: str = ""  # empty: LLaMA-Factory
    peer: dict[str, Any] | None = None
    extra: bool = False

    @property
    def same_updates(self) -> bool:
        """Whether every loss has to equal LLaMA-Factory's."""
        return self.batching in ("joined", "peer_rows")


PEER = "LLaMA-Factory"
SIDES = (
    Side(PEER, packed=False, peer={}),
    Side(f"{PEER}, one by one", packed=False, peer=ONE_BY_ONE, extra=True),
    Side("csft, same updates", packed=False, batching="joined"),
    Side("csft as it is (grouped)", packed=False, batching="grouped"),
    Side(PEER, packed=True, peer={"neat_packing": True}),
    Side(f"{PEER}, plain packing", packed=True, peer={"packing": True}, extra=True),
    Side("csft, same updates", packed=True, batching="peer_rows"),
    Side("csft as it is (best_fit)", packed=True, batching="best_fit"),
)


def main() -> None:
    """Measure by turns; print the tables."""
    given = _arguments()
    if given.quick:
        given.records, given.repeats, given.quiet = min(given.records, 16), 1, 0
    files = [given.demo / records.FILES[0], *([given.tokenizer] if given.vocabulary == "92k" else [])]
    if missing := [str(path) for path in files if not path.exists()]:
        print(f"training: skipped, not there: {', '.join(missing)} (--demo, --tokenizer)")
        return
    with tempfile.TemporaryDirectory(prefix="csft-bench-", dir=given.work) as scratch:
        runs = _measure(given, Path(scratch))
    measure.save(given.results, "training", runs, records=given.records, vocabulary=given.vocabulary)
    print(f"\n{given.records} records, vocabulary {given.vocabulary}. {measure.environment()}")
    for tune in given.tunes:
        for packed in (False, True):
            _print(runs, tune, packed, given)


def _measure(given: argparse.Namespace, work: Path) -> Runs:
    records.write(work, records.repeated(given.demo, given.records))
    texts = ("\n".join(said) for said in records.repeated(given.demo, max(2000, given.records)))
    base = training_model.make(work / "model", given.vocabulary, texts, given.tokenizer)
    training_model.adapter(base, work / "adapter")
    sides = [side for side in SIDES if given.more or not side.extra]
    if not (given.peer and shutil.which(given.peer)):
        print(f"{PEER}: skipped, no Python at --peer={given.peer or '(none)'}")
        sides = [side for side in sides if side.batching]
    runs: Runs = {}
    for number in range(given.repeats):
        for tune in given.tunes:
            for side in sides:
                one = (_csft if side.batching else _peer)(given, work, side, tune)
                runs.setdefault(_key(tune, side), []).append(one)
                told = f"{one['train_s']:.1f} s, {one['train_cpu_s']:.1f} s of cores"
                print(f"{number + 1}/{given.repeats} {_key(tune, side)}: {told}", flush=True)
    return runs


def _csft(given: argparse.Namespace, work: Path, side: Side, tune: str) -> Run:
    settings = {
        **TRAINING,
        "model": str(work / "model"),
        "adapter": str(work / "adapter"),
        "records": str(work / "peer" / "demo.json"),
        "cutoff": given.cutoff,
        "tune": tune,
        "lr": RATES[tune],
        "attention": given.attention,
        "batching": side.batching,
        "micro_batch": given.micro_batch,
    }
    path = work / "csft.json"
    path.write_text(json.dumps(settings))
    return measure.run([sys.executable, HERE / "training_csft.py", path], _threads(given), given.quiet)


def _peer(given: argparse.Namespace, work: Path, side: Side, tune: str) -> Run:
    shutil.rmtree(work / "out", ignore_errors=True)  # what an adapter run leaves stops a full one
    settings = {
        "model_name_or_path": str(work / "model"),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": tune,
        "dataset": "demo",
        "dataset_dir": str(work / "peer"),
        "template": "intern2",
        "cutoff_len": given.cutoff,
        "preprocessing_num_workers": 1,
        "output_dir": str(work / "out"),
        "per_device_train_batch_size": TRAINING["batch"],
        "learning_rate": RATES[tune],
        "lr_scheduler_type": "cosine",
        "warmup_ratio": TRAINING["warmup"],
        "num_train_epochs": 1,
        "disable_shuffling": True,
        "disable_gradient_checkpointing": True,
        "logging_steps": 1,
        "save_strategy": "no",
        "use_cpu": True,
        "report_to": "none",
        **(side.peer or {}),
    }
    if tune == "lora":
        settings["adapter_name_or_path"] = str(work / "adapter")
    path = work / "peer.json"
    path.write_text(json.dumps(settings))
    offline = dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"), "1")
    env = {"HF_HOME": str(work / "cache"), "PYTHONPATH": "", **offline, **_threads(given)}
    return measure.run([given.peer, HERE / "training_peer.py", path], env, given.quiet)


def _threads(given: argparse.Namespace) -> dict[str, str]:
    return {"OMP_NUM_THREADS": str(given.threads)} if given.threads else {}


def _key(tune: str, side: Side) -> str:
    return f"{tune}, {'packed' if side.packed else 'not packed'}: {side.name}"


def _print(runs: Runs, tune: str, packed: bool, given: argparse.Namespace) -> None:
    sides = [side for side in SIDES if side.packed == packed and _key(tune, side) in runs]
    peer = next((runs[_key(tune, side)] for side in sides if not side.batching), None)
    theirs = next(runs[_key(tune, side)][0]["tokens"] for side in sides if side.same_updates)
    header = [
        "",
        "tokens/s",
        "min–max",
        "ratio",
        "tokens per core-s",
        "ratio",
        "peak MB",
        "others",
        "updates",
    ]
    header += ["loss, first → last", "least gradient norm", "losses against LLaMA-Factory's"]
    rows: list[measure.Row] = []
    for side in sides:
        some = runs[_key(tune, side)]
        tokens = some[0].figures.get("tokens", theirs)
        speeds = sorted(tokens / one["train_s"] for one in some)
        row: list[str | int | float] = [side.name, tokens / measure.median(some, "train_s")]
        row += [f"{speeds[0]:,.0f}–{speeds[-1]:,.0f}", _ratio(peer, some, "train_s", tokens / theirs)]
        row += [tokens / measure.median(some, "train_cpu_s")]
        row += [_ratio(peer, some, "train_cpu_s", tokens / theirs)]
        row += [measure.median(some, "peak_mb"), measure.median(some, "others"), len(some[0]["loss"])]
        losses = some[0]["loss"]
        row += [f"{losses[0]:.3f} → {losses[-1]:.3f}", f"{min(some[0]['grad_norm']):.2f}"]
        rows.append([*row, _compared(side, some[0], peer)])
    print(f"\n{tune}, {'packed' if packed else 'not packed'}, medians of {given.repeats}\n")
    print(measure.markdown(header, rows))


def _ratio(peer: list[Run] | None, some: list[Run], name: str, work: float) -> str:
    """How many times the peer's tokens per second, where `work` is the share of tokens to its tokens."""
    return f"{work * measure.median(peer, name) / measure.median(some, name):.2f}" if peer else ""


def _compared(side: Side, ours: Run, peer: list[Run] | None) -> str:
    """How far the losses are apart, update by update, or why that says nothing."""
    if not peer or not side.same_updates:
        return "" if not side.batching else "other updates"
    theirs = peer[0]
    if ours["digest"] != theirs["digest"] or len(ours["loss"]) != len(theirs["loss"]):
        return "OTHER RECORDS"
    apart = max(abs(a - b) for a, b in zip(ours["loss"], theirs["loss"], strict=True))
    return f"{'equal' if apart <= SAME else 'NOT EQUAL'}: {apart:.1e} apart at most"


def _arguments() -> argparse.Namespace:
    parser, env = measure.arguments(__doc__, 40), os.environ
    parser.add_argument("--peer", default=env.get("CSFT_BENCH_PEER"), help="Python that has LLaMA-Factory")
    demo = env.get("CSFT_BENCH_DEMO", measure.SHARED / "bench" / "data")
    parser.add_argument("--demo", type=Path, default=demo)
    parser.add_argument("--vocabulary", choices=("16k", "92k"), default="16k")
    parser.add_argument("--tunes", nargs="+", choices=tuple(RATES), default=list(RATES))
    parser.add_argument("--cutoff", type=int, default=512)
    parser.add_argument("--attention", default="auto", help="csft's attention")
    parser.add_argument("--micro-batch", type=int, default=TRAINING["batch"], help="csft's rows per pass")
    parser.add_argument("--threads", type=int, default=0, help="of both sides (0: as they choose)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--more", action="store_true", help="also other ways of LLaMA-Factory, to know")
    parser.add_argument("--quick", action="store_true", help="16 records, once, without waiting")
    return parser.parse_args()


if __name__ == "__main__":
    main()
