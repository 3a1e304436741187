"""Fine-tuning a randomly initialised InternLM2.5-7B on one GPU: speed, share of its peak, memory.

    nox -s bench -- gpu --results FOLDER
    python tests/bench/gpu.py [--device cpu --shape tiny]

Each line of the table is a process of its own. csft packs (best_fit) and goes through `fit`: full fine-tuning
with `optimizer=adamw_8bit`, LoRA of rank 16 with adamw, once with each attention. "plain" is what one would
write oneself: transformers with its own loss, right-padded batches in random order, torch's AdamW in the
weights' type. Both see records of the same lengths (log-normal, 40 % prompt), random tokens of a few words,
so that the loss falls within the measured updates. Gradient checkpointing is tried off first and is on where
that does not fit. What is not installed, or does not fit, is told and passed over.

tokens/s count no padding; MFU is tokens/s times 46 GFLOP (full) or 31 (LoRA) over the GPU's dense bf16 peak.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

import measure
from gpu_one import SHAPES

ATTENTIONS = ("flash_attention_3", "flash_attention_2", "flash_attention_4", "varlen", "sdpa")
GFLOP_PER_TOKEN = {"full": 46, "lora": 31}  # of the 7.74 B parameters
PEAKS = {"H100": 989e12, "H200": 989e12}  # dense bf16, FLOP/s
ONE = Path(__file__).resolve().with_name("gpu_one.py")
HEADER = (
    "cut-off",
    "tuning",
    "attention",
    "checkpointing",
    "tokens/s",
    "MFU, %",
    "peak GB",
    "padding, %",
    "loss, first → last",
    "gradient norm, least–most",
)


def main() -> None:
    """Measure every combination; print the table."""
    given = _arguments()
    if given.device != "cpu" and not _has_gpu():
        print("gpu: skipped, no CUDA GPU here (try it with --device cpu --shape tiny)")
        return
    found: dict[str, list[measure.Run]] = {}
    for cutoff in given.cutoffs:
        for tune in given.tunes:
            for attention in (*given.attentions, "plain"):
                name = f"{cutoff} {tune} {attention}"
                found[name] = [_measured(given, cutoff, tune, attention)]
                print(f"{name}: {_told(found[name][0])}", flush=True)
    print(f"\n{given.shape} on {_device(found)}. {measure.environment()}\n")
    rows = (_row(name, runs[0], given) for name, runs in found.items() if "skipped" not in runs[0].figures)
    print(measure.markdown(HEADER, rows))
    measure.save(given.results, "gpu", found, shape=given.shape)


def _measured(given: argparse.Namespace, cutoff: int, tune: str, attention: str) -> measure.Run:
    """One combination, with gradient checkpointing where it needs that."""
    choices = {"auto": (False, True), "off": (False,), "on": (True,)}[given.checkpointing]
    for checkpointing in choices:
        settings = {**vars(given), "cutoff": cutoff, "tune": tune, "attention": attention}
        settings["gradient_checkpointing"] = checkpointing
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "settings.json"
            path.write_text(json.dumps(settings, default=str))
            run = measure.run([sys.executable, ONE, path])
        if not (run.figures.get("full") or run.figures.get("halvings")):
            break
    return run


def _told(run: measure.Run) -> str:
    if why := run.figures.get("skipped"):
        return f"skipped, {why}"
    return f"{_speed(run):,.0f} tokens/s in {run.wall_s:.0f} s"


def _speed(run: measure.Run) -> float:
    """Tokens per second: the median update's."""
    figures = run.figures
    return statistics.median(a / b for a, b in zip(figures["tokens"], figures["seconds"], strict=True))


def _row(name: str, run: measure.Run, given: argparse.Namespace) -> measure.Row:
    cutoff, tune, attention = name.split()
    figures = run.figures
    speed, losses, norms = _speed(run), figures["loss"], figures["grad_norm"]
    peak = next((peak for gpu, peak in PEAKS.items() if gpu in figures["device"]), None)
    known = peak and given.shape == "7b"
    return [
        cutoff,
        tune,
        attention,
        ("on" if figures["gradient_checkpointing"] else "off")
        + (f", micro-batch halved {figures['halvings']} ×" if figures["halvings"] else ""),
        speed,
        100 * speed * GFLOP_PER_TOKEN[tune] * 1e9 / peak if peak and known else "",
        figures["peak_bytes"] / 1e9,
        100 * figures["padding"],
        f"{losses[0]:.3f} → {losses[-1]:.3f}",
        f"{min(norms):.2f}–{max(norms):.2f}",
    ]


def _device(found: dict[str, list[measure.Run]]) -> str:
    names = [runs[0].figures["device"] for runs in found.values() if "device" in runs[0].figures]
    return names[0] if names else "no device"


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shape", choices=tuple(SHAPES), default="7b")
    parser.add_argument("--cutoffs", nargs="+", type=int, default=[512, 1024])
    parser.add_argument("--tunes", nargs="+", choices=tuple(GFLOP_PER_TOKEN), default=list(GFLOP_PER_TOKEN))
    parser.add_argument("--attentions", nargs="*", choices=ATTENTIONS, default=list(ATTENTIONS))
    parser.add_argument("--update-tokens", type=int, default=32_768, help="row places of an update")
    parser.add_argument("--micro-tokens", type=int, default=8_192, help="row places of a forward pass")
    parser.add_argument("--updates", type=int, default=12, help="measured; three more warm up")
    parser.add_argument("--checkpointing", choices=("auto", "on", "off"), default="auto")
    parser.add_argument("--results", type=Path, help="folder for every run as JSON")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
