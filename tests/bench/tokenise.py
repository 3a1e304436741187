"""Tokenising 20,000 records, cold and at a second cut-off: csft against LLaMA-Factory, in one run.

    nox -s bench -- tokenise --peer LLAMA_FACTORY/bin/python
    python tests/bench/tokenise.py [options]

Both get the same records (`records.py`), tokenizer, template and cut-off, by turns, in a fresh process each
time. Cold: no cache. Second cut-off: the caches of the cold run are there. LLaMA-Factory has one worker per
core. csft runs as it is by default, and once more without the screening that LLaMA-Factory has not got.
"In process" is from raw files to rows: for LLaMA-Factory `get_dataset`, for csft `prepare`, the rows of a
trial and the plan of its batches.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import measure
import records
from measure import Run

HERE = Path(__file__).resolve().parent
CUTOFFS = {"cold": 512, "second": 1024}
ROWS = {
    "whole process, s": "wall_s",
    "in process, s": "in_process_s",
    "reading every row once, s": "every_row_s",
    "loading the tokenizer, s": "tokenizer_s",
    "peak memory, MB": "peak_mb",
    "others' share of the machine": "others",
}
Runs = dict[str, list[Run]]


def main() -> None:
    """Measure by turns; print the table."""
    given = _arguments()
    needed = [given.tokenizer] if given.generated else [given.tokenizer, given.demo / records.FILES[0]]
    missing = [str(path) for path in needed if not path.exists()]
    if missing:
        print(f"tokenise: skipped, not there: {', '.join(missing)} (--demo, --tokenizer)")
        return
    with tempfile.TemporaryDirectory(prefix="csft-bench-", dir=given.work) as scratch:
        runs = _measure(given, Path(scratch))
    measure.save(given.results, "tokenise", runs, records=given.records, cutoffs=CUTOFFS)
    _print(runs, given)


def _measure(given: argparse.Namespace, work: Path) -> Runs:
    if given.generated:
        some = records.generated(given.tokenizer, given.records)
    else:
        some = records.repeated(given.demo, given.records)
    records.write(work, some)
    sides = {"csft": "all", "csft unscreened": "tokens"}
    if given.peer and shutil.which(given.peer):
        _peer_model(given.tokenizer, work / "peer")
        sides = {"peer": "", **sides}
    else:
        print(f"LLaMA-Factory: skipped, no Python at --peer={given.peer or '(none)'}")
    runs: Runs = {f"{side} {when}": [] for side in sides for when in CUTOFFS}
    for _ in range(given.repeats):
        for side in sides:
            shutil.rmtree(work / "cache" / side, ignore_errors=True)
        for when, cutoff in CUTOFFS.items():
            for side, do in sides.items():
                started = _peer if side == "peer" else _csft
                runs[f"{side} {when}"].append(started(given, work, cutoff, work / "cache" / side, do))
    return runs


def _csft(given: argparse.Namespace, work: Path, cutoff: int, cache: Path, do: str) -> Run:
    options = ["--root", work / "raw", "--cache", cache, "--tokenizer", given.tokenizer, "--do", do]
    options += ["--template", "intern2_2025", "--cutoff", str(cutoff), "--digest"]
    return measure.run([sys.executable, HERE / "pipeline.py", *options], quiet_s=given.quiet)


def _peer(given: argparse.Namespace, work: Path, cutoff: int, cache: Path, _: str) -> Run:
    settings = {
        "model_name_or_path": str(work / "peer"),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "full",
        "dataset": "demo",
        "dataset_dir": str(work / "peer"),
        "template": "intern2",
        "cutoff_len": cutoff,
        "preprocessing_num_workers": os.cpu_count(),
        "output_dir": str(work / "out"),
        "use_cpu": True,
        "report_to": "none",
    }
    path = work / "settings.json"
    path.write_text(json.dumps(settings))
    offline = dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"), "1")
    env = {"HF_HOME": str(cache), "PYTHONPATH": "", **offline}
    return measure.run([given.peer, HERE / "peer.py", path], env, given.quiet)


def _peer_model(tokenizer: Path, folder: Path) -> None:
    """The same tokenizer in the one file that LLaMA-Factory's transformers reads without remote code."""
    from csft import model

    loaded = model.load_tokenizer(tokenizer)
    loaded.backend_tokenizer.save(str(folder / "tokenizer.json"))
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "</s>",
        "unk_token": "<unk>",
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "vocab_size": 92544}))


def _print(runs: Runs, given: argparse.Namespace) -> None:
    sides = list(dict.fromkeys(name.rpartition(" ")[0] for name in runs))
    header = ["", "", *("LLaMA-Factory" if side == "peer" else side for side in sides)]
    header += [f"ratio to {side}" for side in sides if "peer" in sides and side != "peer"]
    rows: list[measure.Row] = []
    for when, cutoff in CUTOFFS.items():
        for label, name in ROWS.items():
            values = [measure.median(runs[f"{side} {when}"], name) for side in sides]
            ratios = [f"{values[0] / value:.1f}" for value in values[1:]] if "peer" in sides else []
            rows.append(
                [
                    f"{when}, {cutoff}",
                    label,
                    *values,
                    *(ratios if name.endswith("_s") else [""] * len(ratios)),
                ]
            )
    print(f"\n{given.records:,} records, medians of {given.repeats}. {measure.environment()}\n")
    print(measure.markdown(header, rows) + "\n")
    for when, cutoff in CUTOFFS.items():
        results = {
            (run["records"], run["tokens"], run["digest"]) for side in sides for run in runs[f"{side} {when}"]
        }
        told = ", ".join(f"{count:,} records, {tokens:,} tokens" for count, tokens, _ in sorted(results))
        same = "ids and labels equal token for token" if len(results) == 1 else "NOT EQUAL"
        print(f"cut-off {cutoff}: {same}: {told}")


def _arguments() -> argparse.Namespace:
    parser, env = measure.arguments(__doc__, 20_000), os.environ
    parser.add_argument("--peer", default=env.get("CSFT_BENCH_PEER"), help="Python that has LLaMA-Factory")
    demo = env.get("CSFT_BENCH_DEMO", measure.SHARED / "bench" / "data")
    parser.add_argument("--demo", type=Path, default=demo)
    parser.add_argument("--generated", action="store_true", help="generated records, not the demo data")
    parser.add_argument("--repeats", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
