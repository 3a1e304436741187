"""A real trial, killed, stopped or out of disk: the next attempt ends as an undisturbed one, bit for bit."""

import json
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command import Done, curve, finish, start
from safetensors.torch import load_file

from csft.files import hash_file
from csft.track import RunFolder

pytestmark = pytest.mark.slow
# Dropout, so that the random state counts; a checkpoint after each update, so that any may be torn.
WORDS = (
    "+mix=full",
    "cutoff=64",
    "epochs=2",
    "tune=lora",
    "tune.dropout=0.1",
    "mix.max_records=16",
    "train.batch=16",
    "exam.per_sub_exam=1",
    "chat.answers=1",
    "chat.max_new_tokens=16",
    "train.checkpoint_minutes=0",
    "site.threads=1",
)
GRACE_S = 30  # what Slurm gives between SIGTERM and SIGKILL
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(scope="module")
def begin(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Start the trial in a study of its own; data, base scores and settings are the same in all."""
    output, cache = tmp_path_factory.mktemp("output"), tmp_path_factory.mktemp("cache")

    def one(study: str, *words: str, **how: Any) -> "subprocess.Popen[str]":
        return start(*WORDS, f"study.name={study}", *words, output=output, cache=cache, **how)

    one.output = output  # type: ignore[attr-defined]
    return one


@pytest.fixture(scope="module")
def whole(begin: Start) -> dict[str, Any]:
    """What the undisturbed trial leaves."""
    end(begin, "whole")
    return left(begin, "whole")


def end(begin: Start, study: str, *words: str) -> Done:
    done = finish(begin(study, *words), begin.output)  # type: ignore[attr-defined]
    assert done.status == 0, done.err[-3000:]
    return done


def folder_of(begin: Start, study: str) -> Path | None:
    return next(iter((begin.output / study).glob("*/manifest.json")), Path()).parent  # type: ignore[attr-defined]


def left(begin: Start, study: str) -> dict[str, Any]:
    """Curve, answers, scores and weights of a finished trial."""
    path = folder_of(begin, study)
    folder = RunFolder(path)
    result = folder.result()
    assert result is not None
    assert not (path / "checkpoints").exists()
    return {
        "curve": curve(folder),
        "answers": [list(folder.predictions(split)) for split in result["scores"]],
        "scores": result["scores"],
        "weights": hash_file(path / "adapter" / "adapter_model.safetensors"),
        "counts": [result["training"][name] for name in ("updates", "tokens", "trained_tokens")],
    }


def tracked_as_one(begin: Start, study: str) -> bool:
    """W&B would take two segments of a run for each other's replacement."""
    path = folder_of(begin, study)
    tracking = json.loads((path / "tracking.json").read_text())
    return tracking["down"] is None and len(list((path / "wandb").glob("offline-run-*"))) == 1


def rows(begin: Start, study: str) -> int:
    file = folder_of(begin, study) / "metrics.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def wait_for(row: int, begin: Start, study: str, process: "subprocess.Popen[str]") -> None:
    while rows(begin, study) < row:
        assert process.poll() is None, process.communicate()[1][-3000:]
        time.sleep(0.005)


def test_killed_at_random_again_and_again(begin: Start, whole: dict[str, Any]) -> None:
    rng = random.Random(0)
    updates, at = whole["counts"][0], 0
    for _ in range(2):
        at = rng.randint(at + 1, max(at + 1, updates - 3))
        process = begin("killed")
        wait_for(at, begin, "killed", process)
        time.sleep(rng.random() * 0.2)  # in a forward pass, or in the writing of a checkpoint
        process.kill()
        assert process.wait() == -signal.SIGKILL
        process.communicate()
        assert RunFolder(folder_of(begin, "killed")).result() is None
    done = end(begin, "killed")
    assert "This trial goes on after update" in done.out
    assert left(begin, "killed") == whole and tracked_as_one(begin, "killed")


def test_killed_in_the_exam_trains_nothing_again(begin: Start, whole: dict[str, Any]) -> None:
    process = begin("exam")
    wait_for(whole["counts"][0], begin, "exam", process)
    while not any(folder_of(begin, "exam").glob("adapter")):
        time.sleep(0.005)
    process.kill()
    process.communicate()
    done = end(begin, "exam")
    assert f"goes on after update {whole['counts'][0]}," in done.out and "training:" not in done.err
    assert left(begin, "exam") == whole


def test_terminated_within_the_grace(begin: Start, whole: dict[str, Any]) -> None:
    process = begin("terminated", "train.checkpoint_minutes=null")
    wait_for(5, begin, "terminated", process)
    process.terminate()
    _, err = process.communicate(timeout=GRACE_S)
    assert process.returncode == 128 + signal.SIGTERM, err[-3000:]
    assert "Stopped by SIGTERM after update" in err and "Traceback" not in err
    failure = RunFolder(folder_of(begin, "terminated")).failure()
    assert failure is not None and failure["kind"] == "StoppedError"
    end(begin, "terminated")
    assert left(begin, "terminated") == whole and tracked_as_one(begin, "terminated")
    assert RunFolder(folder_of(begin, "terminated")).failure() is None


def test_no_room_for_a_checkpoint(begin: Start, whole: dict[str, Any]) -> None:
    def little() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (250_000, 250_000))

    # The adapter has no room either, so it is not kept; the tracker's log would have none.
    words = ("train.save=false", "tracker=none")
    done = finish(begin("full", *words, preexec_fn=little), begin.output)  # type: ignore[attr-defined]
    assert done.status == 0, done.err[-3000:]
    assert "could not be written" in done.out and "training goes on" in done.out
    folder = RunFolder(folder_of(begin, "full"))
    assert curve(folder) == whole["curve"]


def test_a_trial_that_diverges_keeps_its_last_finite_state(begin: Start) -> None:
    done = finish(begin("diverged", "lr=1e30", "train.warmup=0"), begin.output)  # type: ignore[attr-defined]
    assert done.status == 1 and "Traceback" not in done.err
    folder = RunFolder(folder_of(begin, "diverged"))
    failure = folder.failure()
    assert failure is not None and failure["kind"] == "DivergedError"
    assert failure["update"] == len(folder.metrics()) + 1 and failure["last_loss"] > 0
    assert f"at update {failure['update']}; the last finite loss was" in done.err
    kept = folder.path / "checkpoints" / f"step-{failure['update'] - 1:08d}" / "weights.safetensors"
    assert all(bool(weight.isfinite().all()) for weight in load_file(kept).values())
