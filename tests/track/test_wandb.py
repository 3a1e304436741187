"""Real W&B runs, kept offline and read back with W&B's own reader."""

import json
import sys
import time
from pathlib import Path

import pytest
from track.runs import (
    CONFIG,
    IDENTITY,
    RESULT,
    finished,
    history,
    log,
    records,
    segments,
    start,
    summary,
    table,
)

from csft.errors import SettingError
from csft.track import NoTracker, RunFolder, WandbTracker, new_tracker
from csft.track.wandb_mode import choose_mode

FAKE_KEY = "0123456789abcdef0123456789abcdef01234567"


def test_an_offline_run_holds_names_config_curves_scores_tables_and_artifacts(folder, capsys):
    tracker = new_tracker("wandb", project="csft-test")
    start(tracker, folder)
    for step in range(5):
        log(tracker, folder, step, loss=1 / (step + 1))
    log(tracker, folder, 4, **{"cmb/select/total": 50.0})  # a second row of the same step
    finished(folder.path, steps=0, predictions=1203)
    tracker.finish(RESULT)

    line, *more = capsys.readouterr().out.splitlines()
    assert not more
    output, study = folder.path.parents[1], folder.path.parent.name
    assert line.startswith("W&B: offline (no key is set)")
    assert line.endswith(f"python -m csft.track sync study={study} output={output}")
    seen = summary(folder)
    assert (seen["run_id"], seen["name"], seen["project"]) == (IDENTITY[:16], "trial", "csft-test")
    assert (seen["state"], seen["exit_code"], sorted(seen["tags"])) == (
        "finished",
        0,
        ["512", "full", "lora"],
    )
    assert seen["config"]["mix.datasets.cmb"] == 1 and seen["config"]["tune.method"] == "lora"
    figures = seen["summary"]
    assert figures["cmb/test/physician/licensed_physician"] == 62.5 and figures["state"] == "finished"
    assert [figures[f"cmb/test/{end}"] for end in ("total", "low", "high")] == [61, 58, 64]
    assert (figures["predictions/test_rows"], figures["predictions/test_of"]) == (500, 1203)
    *curve, rung, end = history(folder)
    assert [(row["step"], row["loss"]) for row in curve] == [(s, 1 / (s + 1)) for s in range(5)]
    assert rung == {"step": 4, "cmb/select/total": 50}
    assert end["step"] == 4 and end["cmb/select/total"] == 51 and end["cmb/test/low"] == 58
    shown = table(folder, "cmb/test/sub_exams")
    assert shown == [["physician", "licensed physician", "执业医师", 400, 62.5, 57.6, 67.1, 25.0]]
    some = table(folder, "predictions/test")
    assert (len(some), some[0][0], some[-1][0]) == (500, 0, 1200)
    assert some[1] == [2, "physician/licensed_physician", "A", "B", "A", False, "答案2"]
    assert table(folder, "mix") == [["cmb", 50, 10, 900, 1.0]] and table(folder, "truncation") == [
        ["cmb", 3, 1]
    ]
    found = records(folder)
    run = next(r["run"] for r in found if r["type"] == "run")
    assert run["run_group"] == "paper" and run["job_type"] == "trial"
    logged = {r["artifact"]["name"]: r["artifact"]["manifest"] for r in found if r["type"] == "artifact"}
    weights = logged[f"weights-{IDENTITY[:16]}"]["contents"]
    assert [one["ref"] for one in weights] == [(folder.path / "adapter/adapter_model.safetensors").as_uri()]
    record = {one["path"]: one.get("local_path") for one in logged[f"trial-{IDENTITY[:16]}"]["contents"]}
    assert record.keys() >= {"config.yaml", "manifest.json", "result.json", "truncation.json"}
    assert record["result.json"] == str(folder.path / "result.json"), "not a copy in the home folder"
    assert tracker.state.mode == "offline" and tracker.state.down is None
    assert Path(tracker.state.place) == segments(folder)[0]


def test_nothing_is_staged_outside_the_run_folder_and_the_machine_is_measured(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    tracker = WandbTracker()
    start(tracker, folder)
    while not any(r["type"] == "stats" for r in (records(folder) if segments(folder) else [])):
        time.sleep(0.2)
    finished(folder.path)
    tracker.finish(RESULT)
    assert not (tmp_path / "home").exists() and list(segments(folder)[0].glob("staged/artifacts/staging/*"))
    (stats, *_) = [r["stats"]["item"] for r in records(folder) if r["type"] == "stats"]
    assert "cpu" in json.dumps(stats) and "memory" in json.dumps(stats)


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
    assert seen["exit_code"] == 1 and seen["summary"]["state"] == "failed"
    assert "not finite" in seen["summary"]["reason"]


def test_a_trial_that_was_given_up_is_no_failure(folder):
    tracker = WandbTracker()
    start(tracker, folder)
    tracker.prune("Given up after epoch 1: 20.3 % on select.")
    seen = summary(folder)
    assert seen["exit_code"] == 0 and seen["summary"]["state"] == "pruned"
    assert "epoch 1" in seen["summary"]["reason"]


def test_one_tracker_shows_trial_after_trial(tmp_path):
    tracker = WandbTracker()
    for name in ("a", "b"):
        folder = RunFolder.open(tmp_path / name)
        start(tracker, folder)
        log(tracker, folder, 1, loss=1.0)
        tracker.finish({"summary": {"name": name}})
        assert summary(folder)["summary"]["name"] == name
        assert len(history(folder)) == 1


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
