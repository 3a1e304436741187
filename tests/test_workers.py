"""Jobs in processes of their own."""

import math
import operator
import os
import subprocess
import sys
import time
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from csft import workers
from csft.errors import CsftError, DataError, SettingError
from csft.workers import cores, each


@pytest.mark.parametrize("number", [1, 3])
def test_results_come_in_the_jobs_order(number: int) -> None:
    assert list(each(math.sqrt, [9, 4, 1, 0, 16, 25, 36], number)) == [3, 2, 1, 0, 4, 5, 6]
    assert list(each(math.sqrt, [], number)) == []


def test_workers_are_other_processes_and_end_with_the_work() -> None:
    pids = set(each(eval, ["__import__('os').getpid()"] * 6, 2))
    assert len(pids) == 2
    assert os.getpid() not in pids
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_jobs_are_taken_as_results_are_wanted() -> None:
    taken: list[int] = []
    results = each(operator.neg, (taken.append(n) or n for n in count()), 2)
    assert [next(results) for _ in range(3)] == [0, -1, -2]
    assert len(taken) < 10
    results.close()


@pytest.mark.parametrize("number", [1, 2])
def test_what_a_job_raises_is_raised_here(number: int) -> None:
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        list(each(math.sqrt, [1, -1, 4], number))


def test_an_error_of_csft_keeps_its_words() -> None:
    with pytest.raises(DataError, match="no file"):
        list(each(partial(_raise, DataError("no file")), [1], 2))
    with pytest.raises(SettingError, match="mix=x cannot be used"):
        list(each(_raise_setting, [1], 2))
    with pytest.raises(RuntimeError, match="_OddError: two words"):  # it cannot be made again
        list(each(_raise_odd, [1], 2))


def _raise(error: Exception, _: int) -> None:
    raise error


def _raise_setting(_: int) -> None:
    raise SettingError("mix", "x", "y")


class _OddError(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def _raise_odd(_: int) -> None:
    raise _OddError("two", "words")


def test_a_worker_that_is_killed_is_told() -> None:
    with pytest.raises(CsftError, match=r"status -9; .*memory"):
        list(each(eval, ["__import__('os').kill(__import__('os').getpid(), 9)"] * 3, 2))


def test_what_a_job_prints_does_not_disturb() -> None:
    assert list(each(print, ["a", "b"], 2)) == [None, None]


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    job = f"open({str(told)!r}, 'a').write(f'{{os.getpid()}} ') and time.sleep(0.5)"
    job = f"exec({f'import os, time; {job}'!r})"
    code = f"from csft.workers import each; list(each(eval, [{job!r}] * 1000, 2))"
    with subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ) as parent:
        wait_for(lambda: told.exists() and len(set(told.read_text().split())) == 2)
        parent.kill()
    pids = set(told.read_text().split())
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))


def wait_for(happened: object, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not happened():  # type: ignore[operator]
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("text", "most"), [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("max 100000", 99)]
)
def test_a_containers_share_of_the_processor_counts(
    text: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(text, encoding="ascii")
    monkeypatch.setattr(workers, "_QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(99)))
    assert cores() == most
    monkeypatch.setattr(workers, "_QUOTA", tmp_path / "absent")
    assert cores() == 99
