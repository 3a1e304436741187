"""Shared fixtures."""

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest_plugins = ("cluster.postgresql", "cluster.slurm", "cluster.ray_environment")

# As in csft/run.py, and read when torch loads: with anything else on the machine, threads that spin while
# they wait make tests take many times as long.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")

# Tests run beside each other, a process per core. Runs that are compared bit for bit need the same number.
os.environ.setdefault("OMP_NUM_THREADS", "1")

os.environ.setdefault("WANDB_MODE", "offline")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several processes, start with the files of many slow tests, so that none is left for last."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
        items.sort(key=lambda item: -slow[item.path])


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Give a test the same random numbers whichever tests ran before it in its process."""
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What trials prepare, for all tests of this process that do not look at how."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real samples and reference results that lies beside a developer's checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "FACTS.md").is_file():
        pytest.skip("the folder ../shared with real samples and reference results is not here")
    return folder
