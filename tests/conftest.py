"""Shared fixtures."""

import os
from pathlib import Path

import pytest

# As in csft/run.py, and read when torch loads: with anything else on the machine, threads that spin while
# they wait make tests take many times as long.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real samples and reference results that lies beside a developer's checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "FACTS.md").is_file():
        pytest.skip("the folder ../shared with real samples and reference results is not here")
    return folder
