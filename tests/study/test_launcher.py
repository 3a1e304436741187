"""What workers on one machine share out: cores and GPUs."""

import pytest
from omegaconf import OmegaConf

from csft.errors import SettingError, StoppedError
from csft.study import launcher
from csft.study.launcher import LocalLauncher


def shares(monkeypatch, jobs, device="auto", there=("0", "1", "2", "3"), cores=8, **settings):
    monkeypatch.setattr(launcher, "visible_gpus", lambda: list(there))
    monkeypatch.setattr(launcher, "cores", lambda: cores)
    made = LocalLauncher(**settings)
    made.config = OmegaConf.create({"site": {"device": device}})
    return made._environments(jobs)


def test_every_worker_has_gpus_of_its_own_and_a_share_of_the_cores(monkeypatch):
    one_each = shares(monkeypatch, 2, there=("4", "5", "6", "7"))
    assert [one["CUDA_VISIBLE_DEVICES"] for one in one_each] == ["4", "5"]
    assert [one["OMP_NUM_THREADS"] for one in one_each] == ["4", "4"]
    two_each = shares(monkeypatch, 2, gpus=2)
    assert [one["CUDA_VISIBLE_DEVICES"] for one in two_each] == ["0,1", "2,3"]


def test_without_gpus_only_cores_are_shared(monkeypatch):
    for device, there in (("cpu", ("0",)), ("auto", ())):
        for one in shares(monkeypatch, 3, device=device, there=there):
            assert "CUDA_VISIBLE_DEVICES" not in one and one["OMP_NUM_THREADS"] == "2"
    assert shares(monkeypatch, 16, device="cpu")[0]["OMP_NUM_THREADS"] == "1"
    assert shares(monkeypatch, 2, device="cpu", threads=3)[0]["OMP_NUM_THREADS"] == "3"


def test_more_workers_than_gpus_are_refused(monkeypatch):
    with pytest.raises(SettingError, match=r"study.workers=5 .* at most 4 with hydra.launcher.gpus=1 of 4"):
        shares(monkeypatch, 5)


@pytest.mark.parametrize(("jobs", "workers"), [(1, 1), (3, 1), (1, 4)])
def test_a_single_worker_and_a_list_of_jobs_run_here_one_after_the_other(monkeypatch, jobs, workers):
    ran = []
    monkeypatch.setattr(launcher, "_run", lambda context, task, config: ran.append(config))
    made = LocalLauncher()
    made.setup(
        hydra_context=None, task_function=None, config=OmegaConf.create({"study": {"workers": workers}})
    )
    monkeypatch.setattr(made, "_composed", lambda words, number: (words, number))
    made.launch([["cutoff=1"]] * jobs, initial_job_idx=5)
    assert ran == [(["cutoff=1"], 5 + number) for number in range(jobs)]


def test_an_error_travels_between_processes_as_what_it_is():
    import pickle
    import signal

    error = pickle.loads(pickle.dumps(StoppedError(signal.SIGTERM, "during the exam", "answers are kept")))
    assert isinstance(error, StoppedError) and error.status == 143 and "during the exam" in str(error)
    setting = pickle.loads(pickle.dumps(SettingError("cutoff", 0, "more")))
    assert (setting.setting, setting.value) == ("cutoff", 0)
