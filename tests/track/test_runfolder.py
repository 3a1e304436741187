"""The run folder: whole files, torn lines, damage, reuse."""

import json
import math
import os
import signal
import subprocess
import sys
import time

import pytest

from csft.errors import CsftError
from csft.track import RunFolder, find, find_finished


@pytest.fixture
def folder(tmp_path):
    return RunFolder.open(tmp_path / "study" / "trial")


def finished(path, identity="ab" * 32):
    folder = RunFolder.open(path)
    folder.write_config({"lr": 2e-5, "mix": {"name": "完整"}})
    folder.write_manifest({"identity": identity})
    folder.log(1, {"loss": 2.0})
    folder.write_truncation({"cmb": {"records": 3}})
    folder.write_predictions("test", [{"id": 1, "letters": "AB"}, {"id": 2, "letters": ""}])
    folder.finish({"objective": 51.25})
    return folder


def test_what_is_written_is_read_back(tmp_path):
    folder = RunFolder(finished(tmp_path / "t").path)
    assert folder.config == {"lr": 2e-5, "mix": {"name": "完整"}}
    assert folder.manifest["identity"] == "ab" * 32
    assert folder.truncation == {"cmb": {"records": 3}}
    assert [p["letters"] for p in folder.predictions("test")] == ["AB", ""]
    assert folder.metrics() == [{"step": 1, "loss": 2.0}]
    assert folder.result() == {"objective": 51.25}
    assert "完整" in (folder.path / "config.yaml").read_text(encoding="utf-8")


def test_an_unfinished_trial_has_no_result(folder):
    folder.log(1, {"loss": 2.0})
    assert folder.result() is None and folder.damage() == []


def test_losses_that_are_not_finite_survive_in_strict_json(folder):
    folder.log(1, {"loss": math.nan, "norm": math.inf})

    def refuse(constant):
        raise AssertionError(constant)

    json.loads((folder.path / "metrics.jsonl").read_text(), parse_constant=refuse)
    row = folder.metrics()[0]
    assert math.isnan(row["loss"]) and row["norm"] == math.inf


def test_a_torn_last_line_is_counted_and_the_next_row_starts_a_new_line(folder):
    folder.log(1, {"loss": 2.0})
    with (folder.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    again = RunFolder.open(folder.path)
    assert again.metrics() == [{"step": 1, "loss": 2.0}] and again.unreadable == 1
    again.log(2, {"loss": 1.5})
    again.log(3, {"loss": 1.0})
    assert [row["step"] for row in again.metrics()] == [1, 2, 3] and again.unreadable == 1


@pytest.mark.parametrize("line", [b"[1, 2]", b'{"loss": 1}', b"\xff\xfe", b"", b'"text"'])
def test_lines_that_are_no_rows_are_counted(folder, line):
    (folder.path / "metrics.jsonl").write_bytes(line + b'\n{"step": 1}\n')
    assert folder.metrics() == [{"step": 1}] and folder.unreadable == 1


def test_steps_logged_again_after_a_restart_replace_the_first_ones(folder):
    for step in range(1, 8):
        folder.log(step, {"loss": step})
    folder.log(7, {"select": 40.0})  # an exam at the same step is not a restart
    for step in range(5, 9):
        folder.log(step, {"loss": step * 10})
    assert [(r["step"], r["loss"]) for r in folder.metrics()] == [
        (1, 1), (2, 2), (3, 3), (4, 4), (5, 50), (6, 60), (7, 70), (8, 80),
    ]  # fmt: skip


def test_rewinding_to_a_checkpoint_forgets_what_came_after(folder):
    folder.rewind(3)  # nothing logged yet
    for step in range(1, 6):
        folder.log(step, {"loss": math.nan if step == 2 else step})
    with (folder.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "lo')
    RunFolder.open(folder.path).rewind(3)
    folder.log(4, {"loss": 40})
    assert [row["step"] for row in folder.metrics()] == [1, 2, 3, 4] and folder.unreadable == 0
    assert math.isnan(folder.metrics()[1]["loss"])
    folder.rewind()
    assert folder.metrics() == [] and (folder.path / "metrics.jsonl").read_bytes() == b""


def test_predictions_that_fail_half_way_leave_no_file(folder):
    def some():
        yield {"id": 1}
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        folder.write_predictions("test", some())
    assert not list(folder.path.iterdir())


def test_a_result_that_cannot_be_written_leaves_the_trial_unfinished(folder):
    with pytest.raises(TypeError):
        folder.finish({"objective": object()})
    assert folder.result() is None and not list(folder.path.iterdir())


def test_a_kill_while_results_are_written_leaves_the_old_or_the_new_one(tmp_path):
    code = (
        "import sys; from csft.track import RunFolder; f = RunFolder.open(sys.argv[1]); n = 0\n"
        "while True:\n n += 1; f.finish({'n': n, 'pad': 'x' * 200_000})\n if n == 1: print('go', flush=True)"
    )
    for delay in (0.0, 0.02, 0.05):
        path = tmp_path / str(delay)
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None and process.stdout.readline() == b"go\n"
        time.sleep(delay)
        process.kill()
        process.wait()
        result = RunFolder(path).result()
        assert result is not None and len(result["pad"]) == 200_000


@pytest.mark.parametrize(
    "name", ["config.yaml", "manifest.json", "metrics.jsonl", "truncation.json", "predictions-test.jsonl"]
)
@pytest.mark.parametrize("how", ["changed", "missing"])
def test_a_file_changed_after_the_end_is_named_and_the_trial_is_not_reused(tmp_path, capsys, name, how):
    folder = finished(tmp_path / "study" / "t")
    file = folder.path / name
    if how == "changed":
        file.write_bytes(file.read_bytes() + b" ")
    else:
        file.unlink()
    assert folder.damage() == [name] and folder.result() is None
    if name != "manifest.json" or how == "changed":
        assert find_finished(tmp_path / "study", "ab" * 32) is None
        assert name in capsys.readouterr().out


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"result": {}}', '{"result": 1, "files": {}}', '{"result": {}, "files": 3}']
)
def test_a_result_file_that_is_no_result_is_damage(tmp_path, content):
    folder = finished(tmp_path / "t")
    (folder.path / "result.json").write_text(content)
    assert folder.damage() == ["result.json"] and folder.result() is None


def test_files_beside_the_record_do_not_matter(tmp_path):
    folder = finished(tmp_path / "t")
    (folder.path / "wandb").mkdir()
    (folder.path / "notes.txt").write_text("mine")
    assert folder.result() == {"objective": 51.25}


def test_finding_by_identity(tmp_path):
    study = tmp_path / "study"
    assert find_finished(study, "ab") is None  # no study yet
    RunFolder.open(study / "a").write_manifest({"identity": "one"})
    finished(study / "b", identity="two")
    RunFolder.open(study / "c").write_manifest({"identity": "two"})
    (study / "d").mkdir()
    (study / "d" / "manifest.json").write_text("{")
    assert find_finished(study, "one") is None
    assert find(study, "one").path == study / "a"
    assert find_finished(study, "two").path == study / "b"
    assert find(study, "three") is None


def test_a_damaged_folder_set_aside_is_found_no_more(tmp_path):
    folder = finished(tmp_path / "study" / "t")
    assert folder.set_aside() == tmp_path / "study" / "t.damaged-1"
    assert find(tmp_path / "study", "ab" * 32) is None
    assert finished(tmp_path / "study" / "t").set_aside().name == "t.damaged-2"


def test_two_processes_do_not_share_a_trial(folder):
    code = (
        "import sys, time; from csft.track import RunFolder\n"
        "with RunFolder.open(sys.argv[1]).claim(): print('in', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(folder.path)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"in\n"
        with pytest.raises(CsftError, match="another process"), folder.claim():
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with folder.claim():  # the kernel's lock dies with its process
            pass
    finally:
        process.kill()


def test_no_key_reaches_any_file(tmp_path, monkeypatch):
    fake = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setenv("WANDB_API_KEY", fake)
    folder = RunFolder.open(tmp_path / "t")
    folder.write_config({"a": fake})
    folder.write_manifest({"identity": "x", "command": f"WANDB_API_KEY={fake}"})
    folder.log(1, {"note": fake})
    folder.write_truncation({fake: 1})
    folder.write_predictions("test", [{"text": fake}])
    folder.finish({"error": f"login {fake} refused"})
    assert len(list(folder.path.iterdir())) == 6
    assert not [path for path in folder.path.iterdir() if fake in path.read_text()]
