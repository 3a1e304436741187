"""Real studies with workers that share a database: processes, PostgreSQL, Slurm, Ray."""

import sys
import time
from pathlib import Path

import pytest
from command import finish, run, start

sys.path.insert(0, str(Path(__file__).parent))
from real_studies import QUICK, at_work, check_once, counts, load

from csft.study.attributes import STOPPED, WORKER

pytestmark = pytest.mark.slow
SPACE = ("cutoff=48,64,80", "lr=1e-3,2e-3")
SLURM = (
    "hydra/launcher=submitit_slurm",
    "hydra.launcher.mem_gb=null",
    "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.timeout_min=10",
)
RAY = (
    "hydra/launcher=ray",
    "+hydra.launcher.ray.init.num_cpus=2",
    "+hydra.launcher.ray.init.include_dashboard=false",
)


def workers(study) -> int:
    return len({one.user_attrs[WORKER]["pid"] for one in counts(study).complete})


def test_two_commands_with_two_workers_each_share_a_study(tmp_path, cache):
    words = ("-m", *QUICK, *SPACE, "study.workers=2", "study.name=shared")
    both = [start(*words, output=tmp_path, cache=cache) for _ in range(2)]
    for done in (finish(process, tmp_path) for process in both):
        assert done.status == 0, done.err[-3000:]
        assert "6 finished" in done.out
    study = load(tmp_path, "shared")
    check_once(study, 6)
    assert workers(study) > 1


def test_four_workers_share_postgresql_and_its_password_stays_where_it_is(postgres, tmp_path, cache):
    url = postgres.replace("postgres@", "postgres:hush4711@")
    words = ("-m", *QUICK, *SPACE, f"study.storage={url}", "study.workers=4", "study.name=four")
    done = run(*words, output=tmp_path, cache=cache)
    assert done.status == 0, done.err[-3000:]
    study = load(tmp_path, "four", url)
    check_once(study, 6)
    assert workers(study) > 1
    kept = [str((study.user_attrs, [one.user_attrs for one in study.trials])), done.out, done.err]
    kept += [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert not any("hush4711" in text for text in kept)


def test_slurm_runs_the_workers_and_may_stop_one(slurm, tmp_path, cache):
    words = (
        "-m",
        *QUICK,
        *SLURM,
        "cutoff=48,64",
        "lr=1e-3",
        "epochs=60",
        "study.name=slurm",
        "study.workers=2",
    )
    process = start(*words, output=tmp_path, cache=cache)
    limit = time.monotonic() + 240
    while len(at_work(tmp_path, "slurm", 2)) < 1:
        assert process.poll() is None and time.monotonic() < limit, process.communicate()
        time.sleep(0.3)
    job = slurm.run("squeue", "--noheader", "--states=R", "--format=%i").split()[0]
    slurm.run("scancel", "--signal=TERM", job)  # as a preemption does, which then waits for its grace
    done = finish(process, tmp_path)
    assert done.status == 0, done.err[-3000:] + done.out[-2000:]
    study = load(tmp_path, "slurm")
    check_once(study, 2)
    assert sum(STOPPED in one.user_attrs for one in study.trials) == 1, done.out[-2000:]


def test_ray_runs_the_workers(ray_python, tmp_path, cache):
    done = run(
        "-m", *QUICK, *RAY, "cutoff=48,64", "study.name=ray", "study.workers=2",
        output=tmp_path, cache=cache, python=ray_python,
    )  # fmt: skip
    assert done.status == 0, done.err[-3000:]
    check_once(load(tmp_path, "ray"), 2)
