"""`python -m csft.track sync` against a W&B server that records what it is sent."""

import json
import re
import shutil
import subprocess
import sys

import pytest
from track.backend import Backend, fresh_wandb
from track.runs import CONFIG, fill, finished, log, segments, start, wandb_command

from csft.track import RunFolder, WandbTracker, wandb_upload
from csft.track import __main__ as command

KINDS = {
    name: f"{place:x}" * 64 for place, name in enumerate(("done", "pruned", "failed", "killed", "torn"), 1)
}


@pytest.fixture
def online(backend, monkeypatch):
    """W&B in this process, told of the backend; requests that are refused are not repeated for long."""
    monkeypatch.setenv("WANDB_X_GRAPHQL_RETRY_MAX", "0")
    wandb = fresh_wandb(monkeypatch, backend)
    yield backend
    wandb.teardown()


def sync(tmp_path, *words, study="paper"):
    return command.main(["sync", f"study={study}", f"output={tmp_path}", *words])


def run_id(name):
    return KINDS[name][:16]


def study_of_all_kinds(study):
    finished(study / "done", identity=KINDS["done"])
    finished(study / "again", identity=KINDS["done"]).path.joinpath("result.json").unlink()
    fill(RunFolder.open(study / "pruned"), identity=KINDS["pruned"]).fail(
        {"kind": "PrunedError", "message": "Given up after epoch 1: 20.3 % on select."}
    )
    fill(RunFolder.open(study / "failed"), identity=KINDS["failed"]).fail(
        {"kind": "DivergedError", "message": "The loss is nan"}
    )
    (study / "failed" / "chat.jsonl").write_text(f'{{"text": "my key is {Backend.key}"}}')
    killed = fill(RunFolder.open(study / "killed"), identity=KINDS["killed"])
    with (killed.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "tr')
    torn = finished(study / "torn", identity=KINDS["torn"])
    (torn.path / "predictions-test.jsonl").write_text("{")
    fill(RunFolder.open(study / "odd"), identity="f" * 64).write_manifest({"identity": 3})
    (study / "odd" / "config.yaml").write_text("- a\n")
    shutil.copytree(study / "killed", study / "running")
    RunFolder(study / "running").write_manifest({"identity": "e" * 64})
    return RunFolder(study / "running")


def told(backend):
    """All that a server has, without the random names that W&B gives to uploads of tables."""
    random = re.compile(r"wandb-client-artifact://\w+")
    runs = {
        name: [
            run.history,
            run.events,
            run.summary,
            run.config,
            run.exit,
            sorted(run.files),
            run.upsert["tags"],
        ]
        for name, run in backend.runs.items()
    }
    return json.loads(random.sub("", json.dumps([runs, backend.versions], sort_keys=True)))


def test_every_run_of_a_study_and_a_second_time_the_same(tmp_path, online, capfd):
    with study_of_all_kinds(tmp_path / "paper").claim():
        assert sync(tmp_path) == 0
        said, first = capfd.readouterr().out, told(online)
        assert sync(tmp_path) == 0
    assert told(online) == first
    runs = online.runs
    assert runs.keys() == {run_id(name) for name in ("done", "pruned", "failed", "killed")}
    for name, state, code, rows in (
        ("done", "finished", 0, 5),
        ("pruned", "pruned", 0, 4),
        ("failed", "failed", 1, 4),
        ("killed", "unfinished", 1, 4),
    ):
        run = runs[run_id(name)]
        assert (run.summary["state"], run.exit, len(run.history)) == (state, code, rows), name
        assert run.upsert["displayName"] == name and run.upsert["groupName"] == "paper"
        assert run.config["mix.datasets.nlpec"] == 0.5 and run.upsert["tags"] == [
            "full",
            "cutoff 512",
            "lora",
        ]
        assert run.summary["truncation/cmb/question"] == 1
        assert f"{name}  {state}, {rows} rows: run {run_id(name)} of csft" in said
    assert "epoch 1" in runs[run_id("pruned")].summary["reason"]
    assert runs[run_id("failed")].summary["reason"] == "DivergedError: The loss is nan"
    assert [row["step"] for row in runs[run_id("done")].history] == [1, 2, 3, 4, 4]
    assert runs[run_id("done")].history[-1]["cmb/test/high"] == 64
    assert "again  left out: the same trial as done" in said
    assert "torn  left out: damaged: predictions-test.jsonl changed" in said
    assert "odd  left out: damaged" in said and "running  left out: it runs right now" in said
    assert "failed/chat.jsonl holds the value of a key and is not uploaded" in said
    assert "4 runs uploaded" in said and "4 left out" in said
    (version,) = online.artifacts[f"trial-{run_id('done')}"]
    assert version.contents["result.json"] == (tmp_path / "paper/done/result.json").read_bytes()
    assert all(len(digests) == 1 for digests in online.versions.values())
    assert not [body for body in online.sent if Backend.key.encode() in body]


def test_what_a_trial_has_sent_and_what_somebody_uploaded_become_whole_runs(tmp_path, online, capfd):
    partly, uploaded = (
        RunFolder.open(tmp_path / "paper" / "partly"),
        RunFolder.open(tmp_path / "paper" / "up"),
    )
    for folder, mode in ((partly, "online"), (uploaded, "offline")):
        tracker = WandbTracker(mode=mode)
        identity = KINDS["done" if mode == "online" else "failed"]
        tracker.start(folder, CONFIG, study="paper", name="x", identity=identity, tags=["old"])
        log(tracker, folder, 1, **{"train/loss": 3.0})
        tracker.abandon("stopped")
    (segment,) = segments(uploaded)
    env = {**online.environment(), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run(
        [*wandb_command(), "sync", segment], env=env, capture_output=True, check=True, cwd=tmp_path
    )
    assert [len(run.history) for run in online.runs.values()] == [1, 1]
    for folder, name in ((partly, "done"), (uploaded, "failed")):
        folder.rewind()
        finished(folder.path, identity=KINDS[name])
    assert sync(tmp_path) == 0
    capfd.readouterr()
    for run in online.runs.values():
        assert [row["step"] for row in run.history] == [1, 2, 3, 4, 4] and run.exit == 0
        assert run.summary["state"] == "finished" and run.summary["reason"] == ""


def test_times_and_system_metrics_come_from_the_segments_that_are_there(tmp_path, online, folder):
    tracker = WandbTracker(mode="offline")
    start(tracker, folder)
    log(tracker, folder, 1, **{"train/loss": 3.0})
    tracker.abandon("killed")
    again = WandbTracker(mode="offline")  # it sets the first segment aside
    start(again, folder)
    log(again, folder, 2, **{"train/loss": 2.0})
    again.abandon("killed")
    folder.write_config(CONFIG)
    folder.write_manifest({"identity": "0a1b2c3d4e5f6071" + "8" * 48})
    known = wandb_past(folder)
    assert sync(tmp_path, study="study") == 0
    (run,) = online.runs.values()
    assert [row["_timestamp"] for row in run.history] == [known.times[1, 0], known.times[2, 0]]
    assert [row["_runtime"] for row in run.history] == pytest.approx(
        [known.times[step, 0] - known.start for step in (1, 2)]
    )
    assert [event["_timestamp"] for event in run.events] == pytest.approx(
        [at / 1e9 for at in sorted(known.stats)]
    )


def wandb_past(folder):
    from csft.track.wandb_past import past

    return past(folder, "0a1b2c3d4e5f6071")


@pytest.mark.parametrize(
    ("operation", "why"),
    [("CommitArtifact", "the server lacks trial-"), ("UpsertBucket", "UpsertBucket is refused")],
)
def test_what_the_server_refuses_is_named_and_the_next_time_finishes(
    tmp_path, backend, online, capfd, operation, why
):
    finished(tmp_path / "paper" / "one", identity=KINDS["done"])
    online.refuse = {operation}
    assert sync(tmp_path) == 1
    said = capfd.readouterr().err
    assert "1 of 1 runs were not uploaded: one (" in said and why in said and "Uploaded: none" in said
    online.refuse = set()
    online.unanswered.clear()
    assert sync(tmp_path, "project=other") == 0
    assert (
        online.versions[f"trial-{run_id('done')}"]
        and online.runs[run_id("done")].upsert["project"] == "other"
    )


def test_a_server_that_goes_down_is_caught_up_with(tmp_path, online, capfd, monkeypatch):
    monkeypatch.setattr(wandb_upload, "LOST_S", 1)
    for name in ("done", "failed"):
        finished(tmp_path / "paper" / name, identity=KINDS[name])
    online.down_at = "CreateArtifact"
    assert sync(tmp_path) == 1
    said = capfd.readouterr().err
    assert "2 of 2 runs were not uploaded: done (" in said and "; failed (" in said and "503" in said
    assert sync(tmp_path) == 1
    assert (
        "does not answer (it answers 503 Service Unavailable): nothing was uploaded" in capfd.readouterr().err
    )
    online.down, online.down_at = False, ""
    assert sync(tmp_path) == 0
    assert [len(run.history) for run in online.runs.values()] == [5, 5]
    assert not {name: digests for name, digests in online.versions.items() if len(digests) != 1}


def test_without_a_key_and_without_the_study(tmp_path, capsys):
    import wandb

    finished(tmp_path / "paper" / "one")
    finished(tmp_path / "other" / "one")
    wandb.teardown()
    assert sync(tmp_path) == 1
    assert re.search("There is no key for https://.*: nothing was uploaded", capsys.readouterr().err)
    assert sync(tmp_path, study="papper") == 1
    assert (
        "study=papper: no such study" in (said := capsys.readouterr().err) and "There: other, paper." in said
    )
    assert command.main(["sync", f"output={tmp_path}"]) == 1
    assert "Name a study with study=NAME" in capsys.readouterr().err
    assert command.main(["sync", "studdy=x"]) == 1
    assert "one of study, output, project, entity" in capsys.readouterr().err


def test_the_command_itself(tmp_path):
    line = [sys.executable, "-m", "csft.track", "sync", f"output={tmp_path}"]
    done = subprocess.run(line, check=False, capture_output=True, text=True)
    assert done.returncode == 1 and "There: none." in done.stderr and done.stdout == ""
