"""A real study whose trials differ in how they end: one training gives all of them, bit for bit."""

import sys
from pathlib import Path
from typing import Any

import pytest
from command import Done, curve, run

sys.path.insert(0, str(Path(__file__).parent))
from real_studies import QUICK, load

from csft.files import hash_file
from csft.study.attributes import SHARING
from csft.track import RunFolder

pytestmark = pytest.mark.slow

# Trained one by one: those trained together are equal but for floating-point noise.
ALONE = ("tune=lora", "tune.dropout=0.1", "study.pack=1")
WORDS = (
    *(word for word in QUICK if not word.startswith(("epochs", "train.save"))),
    *("mix.datasets.cmid=0.3", "cutoff=64", *ALONE),
)
FLAT = ("epochs=3,1,2", "train.schedule=constant", "train.warmup_updates=5")


def study(name: str, *words: str, output: Path, cache: Path) -> Done:
    done = run("-m", *WORDS, *words, f"study.name={name}", output=output, cache=cache)
    assert done.status == 0, done.err[-3000:] + done.out[-2000:]
    return done


def left(folder: RunFolder) -> dict[str, Any]:
    """What a trial leaves but for times, and for who trained its beginning."""
    result = folder.result()
    assert result is not None
    counts = ("updates", "tokens", "trained_tokens", "first_loss", "last_loss")
    return {
        "curve": curve(folder),
        "scores": result["scores"],
        "answers": [list(folder.predictions(split)) for split in result["scores"]],
        "counts": [result["training"][name] for name in counts],
        "weights": hash_file(folder.path / "adapter" / "adapter_model.safetensors"),
    }


def all_left(done: Done, name: str) -> dict[float, Any]:
    """By number of epochs."""
    return {folder.config["epochs"]: left(folder) for folder in done.folders(name)}


def trained(done: Done, name: str) -> tuple[int, int]:
    """Updates that trials of a study have computed, and what they had if each had been alone."""
    every = [folder.result()["training"] for folder in done.folders(name)]  # type: ignore[index]
    updates = sum(one["updates"] for one in every)
    return updates - sum(one["shared_updates"] for one in every), updates


def test_a_study_trains_each_part_once(tmp_path: Path, cache: Path) -> None:
    alone = study("alone", *FLAT, "study.share=false", output=tmp_path, cache=cache)
    assert not (tmp_path / ".stages").exists()
    expected = all_left(alone, "alone")
    computed, updates = trained(alone, "alone")
    assert len(expected) == 3 and computed == updates
    for workers in (1, 2):
        name = f"shared-{workers}"
        output = tmp_path / name
        done = study(name, *FLAT, f"study.workers={workers}", output=output, cache=cache)
        assert all_left(done, name) == expected
        assert trained(done, name) == (expected[3]["counts"][0], updates)
        assert load(output, name).user_attrs[SHARING] == []
        assert not list((output / ".stages" / "leases").iterdir())


def test_a_study_says_what_keeps_epochs_apart(tmp_path: Path, cache: Path) -> None:
    done = study("cosine", "epochs=0.5,1", output=tmp_path, cache=cache)
    assert done.out.count("epochs     train.schedule=cosine") == 1
    assert "train.warmup_updates=N" in load(tmp_path, "cosine").user_attrs[SHARING][0]
