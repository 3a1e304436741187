"""A function over many jobs in processes of its own, the results in the jobs' order.

Not multiprocessing: its forked children inherit the locks of threads they do not have (torch and tokenizers
keep such threads), its spawned ones run the calling script once more, and both outlive a parent that is
killed. A worker here is a fresh interpreter that reads jobs from a pipe and ends when the pipe does.
"""

import math
import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from csft.errors import CsftError

Job = TypeVar("Job")
Result = TypeVar("Result")

_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds per period, or "max"


def cores() -> int:
    """Processor cores that this process may use, as its affinity and its container allow."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = map(int, _QUOTA.read_text(encoding="ascii").split())  # ValueError: "max"
        count = min(count, math.ceil(quota / period))
    return max(count, 1)


def each(function: Callable[[Job], Result], jobs: Iterable[Job], workers: int) -> Iterator[Result]:
    """`function` of each job. With one worker, here; with more, it and the jobs must be picklable.

    What a job raises is raised here. Two jobs per worker are under way, so `jobs` is read lazily and the
    results that wait are few. CsftError when a worker dies, as it does when memory runs out.
    """
    if workers <= 1:
        yield from map(function, jobs)
        return
    with ThreadPoolExecutor(workers) as threads, ExitStack() as running:
        idle: SimpleQueue[_Worker] = SimpleQueue()
        for _ in range(workers):
            idle.put(running.enter_context(_Worker(function)))
        under_way: deque[Future[Result]] = deque()
        for job in jobs:
            under_way.append(threads.submit(_ask, idle, job))
            if len(under_way) >= 2 * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


class _Worker:
    """One process and its pipes; on exit it is stopped, finished or not."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)  # csft may not be installed
        quiet = {"PYTHONPATH": path, "TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from csft.workers import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **quiet},
        )
        self._function = function
        self._told = False

    def __enter__(self) -> "_Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # a job that was never sent
                pipe.close()  # type: ignore[union-attr]

    def ask(self, job: Any) -> Any:
        """Send the job, and the function before the first one, and wait for its result."""
        jobs, results = self._process.stdin, self._process.stdout
        assert jobs is not None and results is not None
        try:
            for message in (job,) if self._told else (self._function, job):
                pickle.dump(message, jobs)
            self._told = True
            jobs.flush()
            done, result = pickle.load(results)  # noqa: S301  # our own process wrote it
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            raise CsftError(
                f"A worker process ended with status {self._process.wait()}; -9 is what it gets when memory "
                "runs out. Give csft more memory, or fewer processor cores: each worker needs some 400 MB."
            ) from error
        if not done:
            raise result
        return result


def _ask(idle: "SimpleQueue[_Worker]", job: Any) -> Any:
    worker = idle.get()
    try:
        return worker.ask(job)
    finally:
        idle.put(worker)


def serve() -> None:
    """Be a worker: a function on standard input, then jobs until it ends; results on standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the parent
    jobs, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no result
    with suppress(EOFError, BrokenPipeError):
        function = pickle.load(jobs)  # noqa: S301
        while True:
            pickle.dump(_outcome(function, pickle.load(jobs)), results)  # noqa: S301
            results.flush()


def _outcome(function: Callable[[Any], Any], job: Any) -> tuple[bool, Any]:
    try:
        return True, function(job)
    except Exception as error:
        try:
            return False, pickle.loads(pickle.dumps(error))  # noqa: S301  # some cannot be made again
        except Exception:
            return False, RuntimeError(f"{type(error).__name__}: {error}")
