"""Runs of trials that are killed, and W&B servers that answer, refuse, hang and die."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from track.backend import Backend, fresh_wandb
from track.runs import IDENTITY, RESULT, finished, history, log, segments, start, summary

from csft.track import WandbTracker

LOGGER = """
import sys, time
from csft.track import RunFolder, WandbTracker
folder, tracker = RunFolder.open(sys.argv[1]), WandbTracker()
tracker.start(folder, {}, study="s", name="t", identity="0a1b2c3d4e5f60718", tags=[])
for step in range(10**6):
    folder.log(step, {"loss": 1.0}); tracker.log(step, {"loss": 1.0})
    time.sleep(0.05)
"""


def test_a_killed_process_loses_at_most_a_second(folder):
    process = subprocess.Popen([sys.executable, "-c", LOGGER, str(folder.path)], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not segments(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2.5)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    written = len(folder.metrics())
    time.sleep(1.0)  # W&B's own process notices and flushes or not: what counts is what is there
    assert written > 30
    assert len(history(folder)) >= written - 20 - 2  # a second is 20 rows


@pytest.fixture
def silent_port():
    """A server that accepts and never answers."""
    server = socket.create_server(("127.0.0.1", 0))
    kept = []

    def accept():
        with contextlib.suppress(OSError):
            while True:
                kept.append(server.accept())

    threading.Thread(target=accept, daemon=True).start()
    yield server.getsockname()[1]
    server.close()


TRIAL = """
import json, sys, time
from csft.track import RunFolder, WandbTracker
folder, tracker = RunFolder.open(sys.argv[1]), WandbTracker(mode="online", patience_s=2)
began = time.monotonic()
tracker.start(folder, {"a": 1}, study="s", name="t", identity="0a1b2c3d4e5f60718", tags=[])
for step in range(50):
    folder.log(step, {"loss": 1.0}); tracker.log(step, {"loss": 1.0})
trained = time.monotonic() - began
tracker.finish({"summary": {"cmb/test/total": 61.0}})
folder.finish({"tracker": tracker.state.as_dict()})
print(json.dumps({"trained": trained, "all": time.monotonic() - began}))
"""


def run_online(folder, port):
    env = os.environ | {"WANDB_BASE_URL": f"http://127.0.0.1:{port}", "WANDB_API_KEY": Backend.key}
    return subprocess.run(
        [sys.executable, "-c", TRIAL, str(folder.path)],
        capture_output=True,
        text=True,
        env=env,
        timeout=120,
        check=True,
    )


def check_went_on_without(folder, done):
    *said, timing = done.stdout.splitlines()
    assert [line for line in said if "W&B is not available" in line] == said[1:], "said once"
    assert json.loads(timing)["trained"] < 2.5 and json.loads(timing)["all"] < 12
    result = folder.result()["tracker"]
    assert result["down"] and result["mode"] == "offline"
    assert len(history(folder)) == 50 and summary(folder)["summary"]["cmb/test/total"] == 61


@pytest.mark.slow
def test_a_server_that_refuses_does_not_stop_a_trial_and_the_run_is_kept(folder):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # closed again below: nobody listens
    done = run_online(folder, port)
    check_went_on_without(folder, done)
    assert done.stderr == ""
    files = [path for path in folder.path.rglob("*") if path.is_file()]
    assert files and not [path for path in files if Backend.key.encode() in path.read_bytes()]


@pytest.mark.slow
def test_a_server_that_never_answers_does_not_slow_a_trial(folder, silent_port):
    check_went_on_without(folder, run_online(folder, silent_port))


@pytest.mark.slow
def test_an_online_run_reaches_its_server(folder, backend):
    done = run_online(folder, backend.port)
    assert "W&B: online, project csft, run 0a1b2c3d4e5f6071" in done.stdout and done.stderr == ""
    state = folder.result()["tracker"]
    assert state["mode"] == "online" and state["down"] is None and "0a1b2c3d4e5f6071" in state["address"]
    run = backend.runs[IDENTITY[:16]]
    assert len(run.history) == 50 and run.summary["cmb/test/total"] == 61 and run.exit == 0
    files = [path.read_bytes() for path in folder.path.rglob("*") if path.is_file()]
    assert not [content for content in [*files, *backend.sent] if Backend.key.encode() in content]


@pytest.mark.slow
def test_a_server_that_dies_in_mid_run_is_caught_up_with_later(folder, backend):
    backend.down_at = "UpsertBucket"
    done = run_online(folder, backend.port)
    assert folder.result()["tracker"]["down"]
    assert f"python -m csft.track sync study=study output={folder.path.parents[1]}" in done.stdout
    assert len(history(folder)) == 50


def test_a_trial_that_goes_on_online_sends_no_row_twice(folder, backend, monkeypatch):
    wandb = fresh_wandb(monkeypatch, backend)
    first = WandbTracker(mode="online")
    start(first, folder)
    for step in range(1, 6):
        log(first, folder, step, loss=float(step))
    first.abandon("killed at step 5")
    folder.rewind(3)  # the last checkpoint
    second = WandbTracker(mode="online")
    start(second, folder)
    for step in range(4, 8):
        log(second, folder, step, loss=float(step))
    finished(folder.path, steps=0)
    second.finish(RESULT)
    wandb.teardown()
    run = backend.runs[IDENTITY[:16]]
    assert [row["step"] for row in run.history] == [*range(1, 8), 7] and run.history[-1][
        "cmb/test/total"
    ] == 61
    assert run.exit == 0 and run.summary["state"] == "finished"
    assert first.state.down is None and second.state.down is None
