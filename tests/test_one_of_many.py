"""Work shared by processes: one does it, the others find it done."""

import subprocess
import sys
from pathlib import Path

import pytest

from csft.one_of_many import one_of_many

WORK = """
import sys, time
from pathlib import Path
from csft.one_of_many import one_of_many
folder = Path(sys.argv[1])
with one_of_many(folder, "sum"):
    if not (folder / "done").exists():
        print("works", flush=True)
        if sys.argv[2] == "die":
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.3)
        (folder / "done").touch()
"""


def start(folder: Path, how: str) -> "subprocess.Popen[str]":
    words = [sys.executable, "-c", WORK, str(folder), how]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_one_works_and_a_killed_one_is_replaced(tmp_path: Path) -> None:
    assert start(tmp_path, "die").communicate(timeout=60)[0] == "works\n"
    told = [process.communicate(timeout=60)[0] for process in [start(tmp_path, "live") for _ in range(3)]]
    assert sum("works" in one for one in told) == 1
    assert all(not one or "works" in one or "does the sum: waiting for it" in one for one in told)


def test_without_locks_the_work_is_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(*given: object, **named: object) -> None:
        raise NotImplementedError("flock")

    monkeypatch.setattr("filelock.FileLock.acquire", none)
    with one_of_many(tmp_path, "sum"):
        pass
    assert "no lock on this file system (flock)" in capsys.readouterr().out
