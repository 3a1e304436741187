"""Hydra jobs on one machine: a single one in this process, several in processes of their own.

A process is a fresh interpreter that reads its job from a pipe and is asked to stop when the pipe ends, so
that none outlives a killed parent. Ctrl-C and SIGTERM reach the parent alone, which passes them on once.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from hydra import version
from hydra._internal.hydra import Hydra
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from csft import compose
from csft.console import before_torch, say
from csft.errors import CsftError, SettingError, StoppedError
from csft.track.environment import visible_gpus
from csft.workers import cores

RESTARTS = 10  # of a worker; a trial that kills them all the time is given up before (study.retries)
_SERVE = "from csft.study.launcher import serve; serve()"


class LocalLauncher(Launcher):
    """Runs all jobs of a launch at once; see conf/hydra/launcher/local.yaml."""

    def __init__(self, gpus: int = 1, threads: int = 0) -> None:
        self.gpus, self.threads = gpus, threads
        self.config: DictConfig | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra composed and what it is to run."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run one job per list of words; gives how they ended, in order."""
        assert self.config is not None
        composed = [
            self._composed(words, number) for number, words in enumerate(job_overrides, initial_job_idx)
        ]
        # hydra/sweeper=basic hands over all its jobs at once; a study as many as there are to be workers.
        if len(composed) == 1 or len(composed) > self.config.study.workers:
            return [_run(self.hydra_context, self.task_function, each) for each in composed]
        environments = self._environments(len(composed))
        jobs = [
            _Process((self.hydra_context, self.task_function, each), environment)
            for each, environment in zip(composed, environments, strict=True)
        ]
        with _passing_on(jobs) as asked, ThreadPoolExecutor(len(jobs)) as waiting:
            returns = list(waiting.map(_Process.wait, jobs))
        if asked:
            raise StoppedError(asked[0], f"while {len(jobs)} workers were at it", "what they did is kept")
        return returns

    def _composed(self, words: Sequence[str], number: int) -> DictConfig:
        assert self.config is not None
        made = self.hydra_context.config_loader.load_sweep_config(self.config, list(words))
        with open_dict(made):
            made.hydra.job.id = made.hydra.job.num = number
        return made

    def _environments(self, jobs: int) -> list[dict[str, str]]:
        """The variables of each process: its share of the cores and of the GPUs."""
        assert self.config is not None
        threads = self.threads or max(1, cores() // jobs)
        each = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        devices = [] if self.config.site.device == "cpu" else visible_gpus()
        if not devices or not self.gpus:
            return [each] * jobs
        if jobs * self.gpus > len(devices):
            most = len(devices) // self.gpus
            allowed = f"at most {most} with hydra.launcher.gpus={self.gpus} of {len(devices)} GPUs"
            raise SettingError("study.workers", jobs, allowed)
        shares = [devices[at * self.gpus : (at + 1) * self.gpus] for at in range(jobs)]
        return [{**each, "CUDA_VISIBLE_DEVICES": ",".join(share)} for share in shares]


class _Process:
    """One job in an interpreter of its own; where that is killed, in another one, `RESTARTS` times."""

    def __init__(self, job: tuple[Any, ...], environment: dict[str, str]) -> None:
        self._job, self._environment = pickle.dumps(job), environment
        self._asked = False  # to stop
        self._start()

    def _start(self) -> None:
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)  # csft may not be installed
        self._result, theirs = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVE, str(theirs)],
            stdin=subprocess.PIPE,
            pass_fds=[theirs],
            env={**os.environ, "PYTHONPATH": path, **self._environment},
            start_new_session=True,  # Ctrl-C is the parent's to pass on
        )
        os.close(theirs)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once, as its exit status says
            self._process.stdin.write(self._job)
            self._process.stdin.flush()

    def pass_on(self, number: int) -> None:
        """Send a signal, after which a process that ends is not replaced."""
        self._asked = True
        if self._process.poll() is None:
            self._process.send_signal(number)

    def wait(self) -> JobReturn:
        """Wait for the end; a process that was killed once too often gives a failed job."""
        for left in reversed(range(RESTARTS + 1)):
            told, status = self._ended()
            if status >= 0 or self._asked or not left:
                break
            say(f"a worker was killed by {signal.Signals(-status).name}; another one takes its place")
            self._start()
        return _returned(told, status)

    def _ended(self) -> tuple[bytes, int]:
        with os.fdopen(self._result, "rb") as pipe:
            told = pipe.read()
        status = self._process.wait()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        return told, status


def _returned(told: bytes, status: int) -> JobReturn:
    done = JobReturn()
    if told:
        answer = json.loads(told)
        done.status = JobStatus[answer["status"]]
        done.return_value = answer["value"] if done.status == JobStatus.COMPLETED else _error(answer)
    else:
        done.status = JobStatus.FAILED
        done.return_value = RuntimeError(f"a worker process ended with exit status {status}")
    return done


def serve() -> None:
    """Run the job that stands on the standard input, and write how it ended to the pipe that argv names."""
    hydra_context, task_function, config = pickle.load(sys.stdin.buffer)  # noqa: S301  # of our parent
    before_torch()
    version.setbase("1.3")
    Plugins.instance()  # registers where configurations can come from
    setup_globals()
    compose.register()
    # What hydra.compose asks, with the folders that the parent was given.
    Hydra.create_main_hydra2("csft", hydra_context.config_loader.get_search_path())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    done = _run(hydra_context, task_function, config)
    answer: dict[str, Any] = {"status": done.status.name}
    if done.status == JobStatus.COMPLETED:
        answer["value"] = done.return_value
    else:
        error = done._return_value
        answer |= {
            "kind": type(error).__name__,
            "message": str(error),
            "exit": getattr(error, "status", None),
        }
    with os.fdopen(int(sys.argv[1]), "w", encoding="utf-8") as pipe:
        json.dump(answer, pipe)


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):  # nothing more is sent
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _error(answer: dict[str, Any]) -> Exception:
    if answer["exit"] is None:
        return RuntimeError(f"{answer['kind']}: {answer['message']}")
    error = CsftError(answer["message"])
    error.status = answer["exit"]
    return error


def _run(hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> JobReturn:
    Path(str(config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
    return run_job(
        hydra_context=hydra_context,
        task_function=task_function,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )


@contextmanager
def _passing_on(jobs: Sequence[_Process]) -> Iterator[list[signal.Signals]]:
    """Send every SIGINT and SIGTERM on to the jobs, which end in their own good time; gives those sent."""
    sent: list[signal.Signals] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        sent.append(signal.Signals(number))
        for job in jobs:
            job.pass_on(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield sent
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
