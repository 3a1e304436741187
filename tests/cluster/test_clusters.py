"""The clusters that other tests run studies on: each does its work for real."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster.slurm import Slurm

pytestmark = pytest.mark.slow

WRITES = """
import sys, optuna
study = optuna.load_study(study_name="shared", storage=sys.argv[1])
study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=10)
"""

ON_RAY = """
import json, os, ray
ray.init(num_cpus=2, include_dashboard=False)
@ray.remote
def where():
    import csft
    return os.getpid(), csft.__file__
pid, file = ray.get(where.remote())
import cloudpickle, hydra_plugins.hydra_ray_launcher.ray_launcher
print(json.dumps({"here": os.getpid(), "there": pid, "csft": file, "cloudpickle": cloudpickle.__version__}))
"""


def test_two_processes_write_one_study_in_postgresql(postgres: str) -> None:
    import optuna

    study = optuna.create_study(study_name="shared", storage=postgres)
    both = [subprocess.Popen([sys.executable, "-c", WRITES, postgres]) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    trials = study.get_trials()
    assert sorted(trial.number for trial in trials) == list(range(20))
    assert all(trial.state.is_finished() for trial in trials)


def test_each_test_has_an_empty_database(postgres: str) -> None:
    import optuna

    assert optuna.get_all_study_names(postgres) == []


def test_slurm_runs_a_job_to_its_end(slurm: Slurm, tmp_path: Path) -> None:
    words = ("--parsable", "--cpus-per-task=2", "--wrap", "srun bash -c 'echo $SLURM_CPUS_PER_TASK > told'")
    job = slurm.run("sbatch", *words, cwd=tmp_path)
    assert slurm.wait(job) == "COMPLETED"
    assert (tmp_path / "told").read_text() == "2\n"


def test_slurm_tells_of_a_job_that_was_killed(slurm: Slurm, tmp_path: Path) -> None:
    script = "exec bash -c 'echo $$ > pid; sleep 600'"
    job = slurm.run("sbatch", "--parsable", "--wrap", script, cwd=tmp_path)
    pid = tmp_path / "pid"
    while not (pid.exists() and pid.read_text().strip()):
        time.sleep(0.05)
    subprocess.run(["kill", "-9", pid.read_text().strip()], check=True)
    assert slurm.wait(job) == "FAILED"
    again = slurm.run("sbatch", "--parsable", "--wrap", "sleep 600", cwd=tmp_path)
    slurm.wait(again, {"RUNNING"})
    slurm.run("scancel", again)
    assert slurm.wait(again) == "CANCELLED"


def test_ray_runs_a_function_elsewhere(ray_python: str) -> None:
    command = [ray_python, "-c", ON_RAY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["here"] != told["there"]
    assert Path(told["csft"]).is_file()
    assert told["cloudpickle"].startswith("2.")
