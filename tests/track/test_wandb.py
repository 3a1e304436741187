"""Real W&B runs: kept offline and read back with W&B's own reader, killed, refused and hung."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from csft.errors import SettingError
from csft.track import NoTracker, RunFolder, WandbTracker, exam_summary, new_tracker
from csft.track.wandb_feeder import Feed
from csft.track.wandb_mode import choose_mode

FAKE_KEY = "0123456789abcdef0123456789abcdef01234567"
IDENTITY = "0a1b2c3d4e5f6071" + "8" * 48
CONFIG = {
    "lr": 2e-5,
    "mix": {"name": "full", "datasets": {"cmb": 1.0, "nlpec": 0.5}},
    "tune": {"method": "lora"},
}
SUB_EXAM = {"split": "test", "key": "physician/licensed_physician", "chinese": "执业医师", "n": 400}
ROWS = [{**SUB_EXAM, "score": 62.5, "low": 57.6, "high": 67.1, "base": 25.0}]
RESULT = {
    "summary": exam_summary(
        "test", {"total": 61.0}, {"physician": 62.5}, {"physician/licensed_physician": 62.5}
    ),
    "sub_exams": ROWS,
}


@pytest.fixture(autouse=True)
def no_key(monkeypatch, tmp_path):
    """Start without a key, whatever the developer's machine has."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "config"))


@pytest.fixture
def folder(tmp_path):
    return RunFolder.open(tmp_path / "study" / "trial")


def start(tracker, folder, config=CONFIG):
    tracker.start(
        folder, config, study="paper", name="trial", identity=IDENTITY, tags=["full", "512", "lora"]
    )


def log(tracker, folder, step, **values):
    folder.log(step, values)
    tracker.log(step, values)


def segments(folder):
    return sorted((folder.path / "wandb").glob("*run-*-*"))


def records(folder):
    (segment,) = segments(folder)
    done = subprocess.run(
        [*wandb_command(), "leet", "inspect", "--json", segment], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def history(folder):
    rows = [r["history"]["item"] for r in records(folder) if r["type"] == "history"]
    return [{k: v for k, v in row.items() if not k.startswith("_")} for row in rows]


def summary(folder):
    (segment,) = segments(folder)
    command = [*wandb_command(), "leet", "inspect", "--json", "--summary", segment]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def wandb_command():
    beside = Path(sys.executable).with_name("wandb")
    return [str(beside)] if beside.exists() else [shutil.which("wandb")]


def test_an_offline_run_holds_names_config_curves_scores_and_the_table(folder, capsys):
    tracker = new_tracker("wandb", project="csft-test")
    start(tracker, folder)
    for step in range(5):
        log(tracker, folder, step, loss=1 / (step + 1))
    log(tracker, folder, 4, **{"cmb/select/total": 50.0})  # a second row of the same step
    tracker.finish(RESULT)

    (line,) = capsys.readouterr().out.splitlines()
    assert "offline (no key is set)" in line and "wandb sync " in line
    assert list(Path().glob(line.split("wandb sync ")[1].lstrip("/"))) or Path(tracker.state.place).is_dir()
    seen = summary(folder)
    assert (seen["run_id"], seen["name"], seen["project"]) == (IDENTITY[:16], "trial", "csft-test")
    assert (
        seen["state"] == "finished"
        and seen["exit_code"] == 0
        and sorted(seen["tags"]) == ["512", "full", "lora"]
    )
    assert seen["config"]["mix.datasets.cmb"] == 1 and seen["config"]["tune.method"] == "lora"
    assert seen["summary"]["cmb/test/physician/licensed_physician"] == 62.5
    assert seen["summary"]["cmb/test/total"] == 61 and seen["summary"]["cmb/select/total"] == 50
    run = next(r["run"] for r in records(folder) if r["type"] == "run")
    assert run["run_group"] == "paper" and run["job_type"] == "trial"
    rows = history(folder)
    assert [(r["step"], r["loss"]) for r in rows[:5]] == [(s, 1 / (s + 1)) for s in range(5)]
    table = json.loads(next(Path(tracker.state.place).rglob("*.table.json")).read_text(encoding="utf-8"))
    assert table["data"] == [["physician", "licensed physician", "执业医师", 400, 62.5, 57.6, 67.1, 25.0]]
    assert tracker.state.mode == "offline" and tracker.state.down is None
    assert Path(tracker.state.place) == segments(folder)[0]


def test_the_announced_upload_command_names_the_segment(folder, capsys):
    tracker = WandbTracker()
    start(tracker, folder)
    tracker.finish({})
    command = capsys.readouterr().out.split("upload with: ")[1].strip()
    listed = subprocess.run(
        ["bash", "-c", command.replace("wandb sync", "ls -d")], capture_output=True, text=True, check=True
    )
    assert listed.stdout.split() == [str(segments(folder)[0])]


def test_a_continued_trial_is_one_whole_run(folder):
    first = WandbTracker()
    start(first, folder)
    for step in range(6):
        log(first, folder, step, loss=float(step))
    first.abandon("killed at step 5")
    folder.rewind(3)  # the last checkpoint
    second = WandbTracker()
    start(second, folder)
    for step in range(4, 8):
        log(second, folder, step, loss=float(step))
    second.finish(RESULT)
    assert [row["step"] for row in history(folder) if "loss" in row] == list(range(8))
    assert len(segments(folder)) == 1 and summary(folder)["exit_code"] == 0


def test_a_failed_trial_is_shown_as_failed(folder):
    tracker = WandbTracker()
    start(tracker, folder)
    tracker.abandon("the loss is not finite at step 3")
    seen = summary(folder)
    assert seen["exit_code"] == 1 and "not finite" in seen["summary"]["failure"]


def test_a_trial_that_was_given_up_is_no_failure(folder):
    tracker = WandbTracker()
    start(tracker, folder)
    tracker.prune("Given up after epoch 1: 20.3 % on select.")
    seen = summary(folder)
    assert seen["exit_code"] == 0 and "epoch 1" in seen["summary"]["pruned"]


def test_one_tracker_shows_trial_after_trial(tmp_path):
    tracker = WandbTracker()
    for name in ("a", "b"):
        folder = RunFolder.open(tmp_path / name)
        start(tracker, folder)
        log(tracker, folder, 1, loss=1.0)
        tracker.finish({"summary": {"name": name}})
        assert summary(folder)["summary"]["name"] == name
        assert len(history(folder)) == 1


LOGGER = """
import sys, time
from csft.track import RunFolder, WandbTracker
folder, tracker = RunFolder.open(sys.argv[1]), WandbTracker()
tracker.start(folder, {}, study="s", name="t", identity="0a1b2c3d4e5f60718", tags=[])
for step in range(10**6):
    folder.log(step, {"loss": 1.0}); tracker.log(step, {"loss": 1.0})
    time.sleep(0.05)
"""


@pytest.mark.slow
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
folder, tracker = RunFolder.open(sys.argv[1]), WandbTracker(mode="online", patience_s=3)
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
    env = os.environ | {"WANDB_BASE_URL": f"http://127.0.0.1:{port}", "WANDB_API_KEY": FAKE_KEY}
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
    assert files and not [path for path in files if FAKE_KEY.encode() in path.read_bytes()]


@pytest.mark.slow
def test_a_server_that_never_answers_does_not_slow_a_trial(folder, silent_port):
    check_went_on_without(folder, run_online(folder, silent_port))


@pytest.fixture
def backend(shared):
    """A server that answers W&B's requests and keeps nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = [sys.executable, str(shared / "probes" / "wandb_stub.py"), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            break
        time.sleep(0.1)
    yield process, port
    process.kill()
    process.wait()


@pytest.mark.slow
def test_an_online_run_reaches_its_server(folder, backend):
    done = run_online(folder, backend[1])
    assert "W&B: online, project csft, run 0a1b2c3d4e5f6071" in done.stdout and done.stderr == ""
    state = folder.result()["tracker"]
    assert state["mode"] == "online" and state["down"] is None and "0a1b2c3d4e5f6071" in state["address"]
    assert not [
        path for path in folder.path.rglob("*") if path.is_file() and FAKE_KEY.encode() in path.read_bytes()
    ]


@pytest.mark.slow
def test_a_server_that_dies_in_mid_run_leaves_a_run_to_upload(folder, backend):
    process, port = backend
    code = TRIAL.replace("trained =", "time.sleep(2); __import__('os').kill(int(sys.argv[2]), 9); trained =")
    env = os.environ | {"WANDB_BASE_URL": f"http://127.0.0.1:{port}", "WANDB_API_KEY": FAKE_KEY}
    command = [sys.executable, "-c", code, str(folder.path), str(process.pid)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, check=True)
    state = folder.result()["tracker"]
    assert state["mode"] == "online" and state["down"]
    assert f"upload what is missing with: wandb sync {state['place']}" in done.stdout
    assert len(history(folder)) == 50


def test_rows_a_server_has_are_not_sent_again():
    class Run:
        step = 2

        def __init__(self):
            self.rows = []

        def define_metric(self, *names, **options):
            pass

        def log(self, row):
            self.rows.append(row)

    feed = Feed(Run())
    for step in range(4):
        feed.row({"step": step})
    assert feed.run.rows == [{"step": 2}, {"step": 3}]


def test_no_key_is_in_the_files_of_an_offline_run(folder, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", FAKE_KEY)
    monkeypatch.setattr(sys, "argv", [*sys.argv, f"password={FAKE_KEY}"])
    tracker = WandbTracker(mode="offline")
    start(tracker, folder, {**CONFIG, "note": f"key {FAKE_KEY}"})
    log(tracker, folder, 1, text=FAKE_KEY)
    tracker.finish({"summary": {"text": FAKE_KEY}})
    files = [path for path in folder.path.rglob("*") if path.is_file()]
    assert len(files) > 3 and not [path for path in files if FAKE_KEY.encode() in path.read_bytes()]
    assert summary(folder)["config"]["note"] == "key ***"


def test_a_place_that_cannot_be_written_is_said_once(folder, capsys):
    (folder.path / "wandb").write_text("a file where W&B wants a folder")
    tracker = WandbTracker()
    start(tracker, folder)
    log(tracker, folder, 1, loss=1.0)
    tracker.finish(RESULT)
    assert tracker.state.down
    assert capsys.readouterr().out.count("W&B is not available") == 1


def test_values_w_and_b_cannot_take_are_told_and_do_not_stop(folder, capsys):
    tracker = WandbTracker()
    start(tracker, folder)
    tracker.log(1, {"loss": object()})
    tracker.log(2, {"loss": 1.0})
    tracker.finish(RESULT)
    assert "TypeError" in tracker.state.down and "not available" in capsys.readouterr().out


def test_disabled_by_the_environment(folder, monkeypatch, capsys):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    tracker = WandbTracker()
    start(tracker, folder)
    log(tracker, folder, 1, loss=1.0)
    tracker.finish(RESULT)
    assert "WANDB_MODE=disabled" in capsys.readouterr().out and segments(folder) == []


@pytest.mark.parametrize(
    ("wanted", "environment", "mode"),
    [
        ("auto", {}, "offline"),
        ("auto", {"WANDB_API_KEY": FAKE_KEY}, "online"),
        ("auto", {"WANDB_API_KEY": FAKE_KEY, "WANDB_MODE": "offline"}, "offline"),
        ("auto", {"WANDB_MODE": "online"}, "offline"),
        ("offline", {"WANDB_API_KEY": FAKE_KEY}, "offline"),
        ("online", {}, "offline"),
        ("online", {"WANDB_API_KEY": FAKE_KEY, "WANDB_MODE": "offline"}, "online"),
        ("auto", {"NETRC": "machine api.wandb.ai\n login user\n password x0123456789\n"}, "online"),
        ("auto", {"NETRC": "machine example.org\n login user\n password x0123456789\n"}, "offline"),
    ],
)
def test_the_mode_follows_setting_environment_and_key(monkeypatch, tmp_path, wanted, environment, mode):
    import wandb

    if "NETRC" in environment:
        (tmp_path / "netrc").write_text(environment["NETRC"])
        environment = {"NETRC": str(tmp_path / "netrc")}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    wandb.teardown()  # its settings are read once
    assert choose_mode(wanted, wandb)[0] == mode
    wandb.teardown()


def test_settings_that_cannot_be_used_are_named():
    with pytest.raises(SettingError, match=r"tracker.mode=sometimes .* auto \| online"):
        new_tracker("wandb", mode="sometimes")
    with pytest.raises(SettingError, match=r"tracker.kind=mlflow .* wandb \| none"):
        new_tracker("mlflow")


def test_no_tracker_shows_nothing(folder, capsys):
    tracker = new_tracker("none")
    start(tracker, folder)
    log(tracker, folder, 1, loss=1.0)
    tracker.finish(RESULT)
    assert isinstance(tracker, NoTracker) and capsys.readouterr().out == "" and segments(folder) == []
