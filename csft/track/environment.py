"""What a trial ran on: recorded in the manifest, so that a figure can be traced to software and hardware."""

import os
import platform
import subprocess
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

import csft

# Packages whose version can change a loss, a score or a run's record.
PACKAGES = (
    "accelerate", "bitsandbytes", "flash-attn", "hydra-core", "numpy", "omegaconf", "optuna", "peft",
    "pyarrow", "safetensors", "sentencepiece", "tokenizers", "torch", "transformers", "triton", "wandb",
)  # fmt: skip
PATIENCE_S = 10  # for git and nvidia-smi; a driver that hangs must not hold up a trial


@lru_cache
def environment() -> dict[str, Any]:
    """Describe this process's machine and software, without importing any of the heavy packages.

    Looked at once: the code that runs is the code that was loaded, whatever a checkout holds by now.
    Memory is in GiB. `gpus` has one entry per card that `nvidia-smi` lists; `git` is None unless csft runs
    from a checkout.
    """
    return {
        "csft": csft.__version__,
        "git": _git(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": _memory_gib(),
        "gpus": _gpus(),
        "packages": _versions(),
        "threads": {
            name: os.environ[name] for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS") if name in os.environ
        },
    }


def visible_gpus() -> list[str]:
    """Name the GPUs this process may use, as CUDA_VISIBLE_DEVICES does; none where there is no driver."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [one.strip() for one in named.split(",") if one.strip()]
    return [str(place) for place in range(len(_gpus()))]


def _versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # an extra that is not installed
    return versions


def _git() -> dict[str, Any] | None:
    checkout = Path(csft.__file__).resolve().parents[1]
    if not (checkout / ".git").exists():  # an installed wheel may lie inside someone else's repository
        return None
    commit = _output("git", "-C", str(checkout), "rev-parse", "HEAD")
    status = _output("git", "-C", str(checkout), "status", "--porcelain")
    return {"commit": commit.strip(), "dirty": bool(status)} if commit and status is not None else None


def _gpus() -> list[dict[str, str]]:
    fields = ("name", "memory.total", "driver_version")
    listing = _output("nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader")
    lines = (listing or "").strip().splitlines()
    return [dict(zip(fields, (part.strip() for part in line.split(",")), strict=False)) for line in lines]


def _cpu_model() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # not every platform knows these names
        return None


def _output(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
