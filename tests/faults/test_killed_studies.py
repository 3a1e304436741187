"""A real study whose workers are killed: its total is exact, nothing is doubled, its best is right."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from command import finish, run, start

sys.path.insert(0, str(Path(__file__).parents[1] / "study"))
from real_studies import QUICK, at_work, check_once, counts, load, values

from csft.study import ledger
from csft.study.attributes import FOLDERS, SPENT, STOPPED, WORKER
from csft.track import RunFolder

pytestmark = pytest.mark.slow
KILLS = 5
SPACE = ("cutoff=48,64", "lr=1e-3,2e-3", "train.checkpoint_minutes=0")
PATIENCE_S = 240


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, cache):
    """What the study scores undisturbed, in one process, setting by setting."""
    output = tmp_path_factory.mktemp("whole")
    done = run("-m", *QUICK, *SPACE, "epochs=12", "study.name=whole", output=output, cache=cache)
    assert done.status == 0, done.err[-3000:]
    return values(load(output, "whole"))


def begin(name: str, output: Path, cache: Path, *words: str, epochs: int = 12) -> "subprocess.Popen[str]":
    return start(
        "-m",
        *QUICK,
        *SPACE,
        f"epochs={epochs}",
        f"study.name={name}",
        *words,
        output=output,
        cache=cache,
        start_new_session=True,
    )


def until(happens, process: "subprocess.Popen[str]"):
    """What `happens()` gives as soon as it gives something, or None when the command has ended."""
    limit = time.monotonic() + PATIENCE_S
    while process.poll() is None:
        if found := happens():
            return found
        assert time.monotonic() < limit, "nothing happened"
        time.sleep(0.1)
    return None


def test_workers_killed_again_and_again_at_random(whole, tmp_path, cache):
    chosen, kills = random.Random(11), 0
    process = begin("killed", tmp_path, cache, "study.workers=2", "study.retries=20")
    while kills < KILLS:
        trials = until(lambda: at_work(tmp_path, "killed"), process)
        if trials is None:
            break  # all trials were done before
        time.sleep(chosen.random() * 2)
        victim = chosen.choice(trials).user_attrs[WORKER]["pid"]
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            continue
        kills += 1
    done = finish(process, tmp_path)
    assert kills == KILLS, "the study was too short to be killed that often"
    assert done.status == 0, done.err[-3000:] + done.out[-3000:]
    check_exact(tmp_path, "killed", whole)
    assert done.out.count("was killed by SIGKILL") == KILLS


def test_all_processes_killed_and_the_command_given_again(whole, tmp_path, cache):
    process = begin("reboot", tmp_path, cache, "study.workers=2")
    until(lambda: len(at_work(tmp_path, "reboot", 2)) == 2, process)
    for child in psutil.Process(process.pid).children(recursive=True):
        child.kill()
    process.kill()
    process.wait()
    before = counts(load(tmp_path, "reboot"))
    assert len(before.running) == 2
    done = finish(begin("reboot", tmp_path, cache), tmp_path)
    assert done.status == 0, done.err[-3000:]
    check_exact(tmp_path, "reboot", whole)
    for trial in counts(load(tmp_path, "reboot")).complete:
        if trial.system_attrs.get(ledger.HISTORY):
            assert trial.user_attrs[SPENT]["epochs"] < 12, "it began anew instead of going on"


def check_exact(output: Path, name: str, whole) -> None:
    study = load(output, name)
    known = check_once(study, len(whole))
    assert len(study.trials) > len(whole)
    assert values(study) == whole
    assert study.best_value == max(whole.values())
    folders = [one.user_attrs[FOLDERS] for one in known.complete]
    assert len({folder for one in folders for folder in one}) == len(whole)
    for (folder,) in folders:
        rows = RunFolder(folder).metrics()
        assert [row["step"] for row in rows if "train/loss" in row] == list(range(1, 25))


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 1), (signal.SIGTERM, 2)])
def test_asked_to_stop_trials_are_kept(number, workers, tmp_path, cache):
    process = begin("asked", tmp_path, cache, f"study.workers={workers}", epochs=200)
    until(lambda: len(at_work(tmp_path, "asked", 2)) == workers, process)
    process.send_signal(number)
    done = finish(process, tmp_path)
    assert done.status == 128 + number, done.err[-3000:]
    known = counts(load(tmp_path, "asked"))
    assert not known.running and len(known.waiting) == 4 and not known.complete
    stopped = [one for one in load(tmp_path, "asked").trials if STOPPED in one.user_attrs]
    assert len(stopped) == workers
    assert all(list(Path(one.user_attrs[FOLDERS][0]).glob("checkpoints/step-*")) for one in stopped)
