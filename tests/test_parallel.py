"""Several processes run one trial, as torchrun starts them: one run folder, the same losses and answers."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from command import TWO_PROCESSES, Done, finish, run, start

SMALL = ("+mix=exam", "mix.max_records=24", "cutoff=96", "epochs=1", "train.batch=16", "train.micro_batch=4")
WORDS = (
    *SMALL,
    "exam.per_sub_exam=1",
    "chat.answers=1",
    "chat.max_new_tokens=16",
    "tracker=none",
    "site.threads=1",
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Done:
    """The trial in one process."""
    done = run(*WORDS, output=tmp_path_factory.mktemp("one"), cache=cache)
    assert done.status == 0, done.err[-3000:]
    return done


def together(*words: str, output: Path, cache: Path) -> Done:
    """The trial in two."""
    return run(*WORDS, *words, output=output, cache=cache, program=TWO_PROCESSES)


def figures(done: Done) -> list[tuple[int, float, float]]:
    (folder,) = done.folders()
    return [(row["step"], row["train/loss"], row["train/grad_norm"]) for row in folder.metrics()]


def answers(done: Done, split: str) -> list[Any]:
    (folder,) = done.folders()
    return [(row["id"], row["letters"]) for row in folder.predictions(split)]


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_two_processes_are_one_trial(one: Done, tmp_path: Path, cache: Path, kind: str) -> None:
    done = together(f"parallel={kind}", output=tmp_path, cache=cache)
    assert done.status == 0, done.err[-3000:]
    assert len(figures(done)) == len(figures(one)) > 5
    for (step, loss, norm), (their_step, their_loss, their_norm) in zip(
        figures(done), figures(one), strict=True
    ):
        assert step == their_step
        assert loss == pytest.approx(their_loss, abs=1e-5)
        assert norm == pytest.approx(their_norm, rel=1e-4)
    (folder,), (alone,) = done.folders(), one.folders()
    assert folder.path.name == alone.path.name  # the same trial
    assert (folder.manifest["processes"], alone.manifest["processes"]) == (2, 1)
    for split in ("select", "test"):
        same = sum(a == b for a, b in zip(answers(done, split), answers(one, split), strict=True))
        assert same >= len(answers(one, split)) - 1  # a tie may fall the other way
    for once in ("csft trial", "run folder", "training  "):
        assert done.out.count(once) == 1
    assert f"parallel   {kind}: 2 processes share every update" in done.out
    weights = [each.path / "model" / "model.safetensors" for each in (folder, alone)]
    assert weights[0].stat().st_size == weights[1].stat().st_size


def test_a_result_of_one_process_is_reused_by_two(one: Done, cache: Path) -> None:
    done = together("parallel=fsdp", output=one.output, cache=cache)
    assert done.status == 0, done.err[-3000:]
    assert done.out.count("is finished: its result is reused") == 1
    assert len(one.folders()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "parallel=none cannot be used"),
        (("parallel=ddp", "cutof=5"), "there is no such setting"),
        (("parallel=ddp", "train.micro_batch=16"), "train.micro_batch=16 cannot be used. Allowed: at most 8"),
        (("parallel=ddp", "data.root=tests"), "FreedomIntelligence/CMB"),
    ],
)
def test_an_error_of_all_is_told_once(
    tmp_path: Path, cache: Path, words: tuple[str, ...], message: str
) -> None:
    done = together(*words, output=tmp_path, cache=cache)
    assert done.status == 1
    assert done.err.count("csft: ") == 1, done.err
    assert message in done.err


def test_several_processes_need_torchrun(tmp_path: Path, cache: Path) -> None:
    done = run(*WORDS, "parallel=fsdp", output=tmp_path, cache=cache)
    assert done.status == 1
    assert "torchrun --standalone" in done.err


def children(process: int) -> list[int]:
    """Process ids of those that torchrun started, in the order of their ranks."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return sorted(map(int, found))


@pytest.mark.parametrize("how", ["one is killed", "all are asked to stop"])
def test_what_ends_one_ends_all_and_the_trial_goes_on(
    one: Done, tmp_path: Path, cache: Path, how: str
) -> None:
    words = (*WORDS, "parallel=fsdp", "train.checkpoint_minutes=0")
    process = start(*words, output=tmp_path, cache=cache, program=TWO_PROCESSES)
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob("default/*/checkpoints/step-*/checkpoint.json")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    if how == "one is killed":
        os.kill(children(process.pid)[-1], signal.SIGKILL)
    else:
        process.terminate()  # torchrun hands it on
    ended = finish(process, tmp_path)
    assert ended.status != 0
    assert not ended.folders()
    told = ended.err.count("csft: Stopped by SIGTERM")
    # Where one is killed, torchrun asks those that are left to stop, if they have not ended by themselves.
    assert told <= 1 if how == "one is killed" else told == 1
    done = together("parallel=fsdp", "train.checkpoint_minutes=0", output=tmp_path, cache=cache)
    assert done.status == 0, done.err[-3000:]
    assert "goes on after update" in done.out
    for (step, loss, _), (their_step, their_loss, _) in zip(figures(done), figures(one), strict=True):
        assert step == their_step
        assert loss == pytest.approx(their_loss, abs=1e-5)
