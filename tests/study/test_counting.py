"""The total is exact: however many workers ask, however often they are killed, whatever database it is."""

import random
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from csft.study import counted, ledger
from csft.study.attributes import FAILURE, STOPPED, TOTAL, WORKER
from csft.study.storage import open_storage, turn

sys.path.insert(0, str(Path(__file__).parent))
import counting_worker
from counting_worker import RETRIES, make

WORKER_FILE = counting_worker.__file__


def start(url: str, name: str, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, WORKER_FILE, url, name, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def counts(study: optuna.Study) -> ledger.Ledger:
    return ledger.read(study.get_trials(deepcopy=False), RETRIES)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'studies.db'}"


def test_four_workers_share_a_total(url, tmp_path):
    study = make(url, "shared", 30)
    workers = [start(url, "shared", tmp_path / "leases") for _ in range(4)]
    said = [worker.communicate(timeout=120)[0] for worker in workers]
    known = counts(study)
    assert [worker.returncode for worker in workers] == [0] * 4
    assert len(known.complete) == len(study.trials) == 30
    assert all("all 30 trials" in one for one in said)
    assert len({one.user_attrs[WORKER]["pid"] for one in study.trials}) > 1  # they did share it
    assert known.epochs == 30


def test_killed_ten_times_at_random_the_total_is_exact(url, tmp_path):
    study = make(url, "killed", 40)
    kills, workers = 0, [start(url, "killed", tmp_path / "leases") for _ in range(2)]
    chosen = random.Random(7)
    while kills < 10:
        time.sleep(1 + chosen.random() / 2)  # starting takes most of a second
        at = kills % 2
        if workers[at].poll() is None:  # or all was done before
            workers[at].kill()
            kills += 1
        workers[at].wait()
        if len(counts(study).settled) > 30:  # leave some for the end
            study.set_user_attr(TOTAL, study.user_attrs[TOTAL] + 20)
        workers[at] = start(url, "killed", tmp_path / "leases")
    for worker in workers:
        worker.communicate(timeout=120)
    start(url, "killed", tmp_path / "leases").communicate(timeout=120)
    known, trials = counts(study), study.trials
    total = study.user_attrs[TOTAL]
    assert len(known.complete) == known.started == total, "lost or doubled"
    assert not known.running and not known.waiting and not known.lost
    taken_up = [number for one in trials for number in one.system_attrs.get(ledger.HISTORY, ())[-1:]]
    assert len(taken_up) == len(set(taken_up)) == len(trials) - total > 0
    by_number = {one.number: one for one in trials}
    for one in trials:
        for number in one.system_attrs.get(ledger.HISTORY, ()):
            before = by_number[number].params
            assert before.items() <= one.params.items()  # what it had drawn is kept


def test_a_lower_total_stops_and_a_higher_one_goes_on(url, tmp_path):
    study = make(url, "total", 3)
    start(url, "total", tmp_path).communicate(timeout=60)
    make(url, "total", 2)
    start(url, "total", tmp_path).communicate(timeout=60)
    assert len(study.trials) == 3
    make(url, "total", 5)
    start(url, "total", tmp_path).communicate(timeout=60)
    assert len(study.trials) == 5


def test_what_a_dead_worker_left_is_taken_up_once_and_not_for_ever(url):
    storage = open_storage(url, 60, create=True)
    study = optuna.create_study(storage=storage, study_name="left")
    for expected in (1, 1, 0):  # after two more attempts it counts as killed
        study.ask().suggest_float("x", 0, 1)  # no worker has it
        with turn(storage, "left"):
            assert counted.recover(study, retries=2) == expected
    known = ledger.read(study.trials, 2)
    assert len(known.failed) == 1 and ledger.reason(known.failed[0]) == ledger.KILLED


def test_a_stopped_trial_is_no_death(url):
    storage = open_storage(url, 60, create=True)
    study = optuna.create_study(storage=storage, study_name="stopped")
    for _ in range(3):
        study.ask().set_user_attr(STOPPED, "SIGTERM")
        with turn(storage, "stopped"):
            assert counted.recover(study, retries=0) == 1
    assert len(ledger.read(study.trials, 0).waiting) == 1


def test_a_told_failure_stays_failed(url):
    storage = open_storage(url, 60, create=True)
    study = optuna.create_study(storage=storage, study_name="told")
    trial = study.ask()
    trial.set_user_attr(FAILURE, {"reason": "diverged", "kind": "DivergedError", "message": "nan"})
    study.tell(trial, state=TrialState.FAIL)
    with turn(storage, "told"):
        assert counted.recover(study, retries=3) == 0
    assert ledger.reason(ledger.read(study.trials, 3).failed[0]) == "diverged"
