"""Raw data, and processes that prepare it."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

RECORDS = 900


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of records that are nothing like one another."""
    rng = random.Random(0)
    letters = [chr(code) for code in range(0x4E00, 0x5000)]
    folder = tmp_path_factory.mktemp("raw") / "webmedqa"
    folder.mkdir()
    lines = (
        f"{number}\t1\t内科\t{''.join(rng.choices(letters, k=40))}\t{''.join(rng.choices(letters, k=600))}\n"
        for number in range(RECORDS)
    )
    (folder / "medQA.train.txt").write_text("".join(lines), encoding="utf-8")
    return folder.parent


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def start(root: Path, cache: Path) -> Callable[..., "subprocess.Popen[str]"]:
    """Start a preparation, with a moment and what happens then if it is to be disturbed."""
    return partial(run, root, cache)


@pytest.fixture(scope="session")
def expected(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an undisturbed process tells that finds nothing in the cache."""
    out, err = run(root, tmp_path_factory.mktemp("cache")).communicate(timeout=60)
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    assert (told["records"], told["written"]) == (RECORDS, 1), err
    return told


def run(root: Path, cache: Path, *disturbed: str, **how: Any) -> "subprocess.Popen[str]":
    script = str(Path(__file__).with_name("preparing.py"))
    path = {"PYTHONPATH": os.pathsep.join(sys.path), "CSFT_CACHE": f"{cache}-of-hashes"}
    return subprocess.Popen(
        [sys.executable, script, str(root), str(cache), *disturbed],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **path},
        **how,
    )
