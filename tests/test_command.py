"""The main job as a user types it: the real command, the real sample, the real offline W&B run."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command import Done, curve, run

from csft.cmb import SUB_EXAMS
from csft.data.catalog import DATASETS

QUICK = ("epochs=0.1", "exam.per_sub_exam=1", "chat.dialogues=0", "train.save=false")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def main_job(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Done:
    """README's first command."""
    done = run("+mix=full", "cutoff=512", output=tmp_path_factory.mktemp("main"), cache=cache)
    assert done.status == 0, done.err[-3000:]
    return done


def result_of(done: Done, study: str = "default") -> dict[str, Any]:
    (folder,) = done.folders(study)
    result = folder.result()
    assert result is not None
    return result


def leet(folder: Path, *options: str) -> str:
    """Read an offline run back with W&B's own reader, as JSON text."""
    (segment,) = (folder / "wandb").glob("offline-run-*")
    wandb = Path(sys.executable).with_name("wandb")
    command = [str(wandb), "leet", "inspect", "--json", *options, str(segment)]
    read = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, cwd=folder)
    return read.stdout


@pytest.mark.slow
def test_the_score_is_far_above_the_base_and_one_letter(main_job: Done) -> None:
    result = result_of(main_job)
    for split, n in (("select", 168), ("test", 560)):
        scores, base = result["scores"][split], result["base"][split]
        assert scores["n"] == n
        figure = scores["figures"]["total"]
        assert figure["low"] > base["figures"]["total"]["high"] + 10
        assert figure["low"] > scores["best_letter_percent"] + 10
    assert result["objective"] == result["scores"]["select"]["total"]


@pytest.mark.slow
def test_all_28_sub_exams_are_scored_and_tracked(main_job: Done) -> None:
    result = result_of(main_job)
    keys = {sub.key for sub in SUB_EXAMS}
    assert len(keys) == 28
    for split in ("select", "test"):
        assert set(result["scores"][split]["by_sub_exam"]) == keys
        assert {f"cmb/{split}/{key}" for key in keys} <= set(result["summary"])
    (folder,) = main_job.folders()
    summary = json.loads(leet(folder.path, "--summary"))["summary"]
    for key, score in result["scores"]["test"]["by_sub_exam"].items():
        assert summary[f"cmb/test/{key}"] == pytest.approx(score)


@pytest.mark.slow
def test_conversation_is_measured_before_and_after(main_job: Done) -> None:
    found = {key: value for key, value in result_of(main_job)["summary"].items() if "chat/" in key}
    parts = [
        prefix + part for prefix in ("chat/", "base/chat/") for part in ("", "medicaldialog/", "discmed/")
    ]
    names = ("loss", "length", "length_reference", "repetition", "unfinished", "distinct")
    assert {part + name for part in parts for name in names} <= set(found)
    assert found["chat/loss"] - found["base/chat/loss"] == pytest.approx(found["chat/loss_change"])
    assert found["chat/loss_change"] < 0  # the mix holds dialogues
    (folder,) = main_job.folders()
    shown = json.loads(leet(folder.path, "--summary"))["summary"]
    assert {key: shown[key] for key in found} == pytest.approx(found)
    rows = (folder.path / "chat.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(rows) == found["chat/answers"] == 16


@pytest.mark.slow
def test_the_offline_run_holds_the_curve_and_the_settings(main_job: Done) -> None:
    (folder,) = main_job.folders()
    whole = leet(folder.path)
    assert whole.count('"train/loss"') >= len(folder.metrics())
    assert "mix.datasets.cmb" in whole
    assert len(folder.metrics()) == result_of(main_job)["training"]["updates"]


@pytest.mark.slow
def test_the_run_folder_is_the_truth(main_job: Done) -> None:
    (folder,) = main_job.folders()
    result = result_of(main_job)
    assert folder.config["cutoff"] == 512
    assert folder.manifest["identity"] == result["identity"]
    assert set(folder.truncation) == set(DATASETS) - {"medqajin"}
    rows = list(folder.predictions("test"))
    assert len(rows) == 560
    right = sum(row["letters"] == row["key"] for row in rows)
    assert 100 * right / len(rows) == pytest.approx(result["scores"]["test"]["total"])
    assert (folder.path / "model" / "model.safetensors").is_file()


@pytest.mark.slow
def test_a_person_reads_what_happened(main_job: Done) -> None:
    for words in (
        "device",
        "attention  sdpa",
        "records per update",
        "always",
        "dialogues held out of training",
        "conversation loss",
        "run folder",
        "csft.track sync",
        "next",
    ):
        assert words in main_job.out
    assert "医学考研 中医综合" in main_job.out
    assert "Traceback" not in main_job.err


@pytest.mark.slow
def test_malformed_records_are_counted_by_dataset_and_reason(main_job: Done) -> None:
    assert "set aside  cmb:" in main_job.out
    assert "overlaps exam select" in main_job.out
    assert "not JSON" in main_job.out


@pytest.mark.slow
def test_the_second_time_the_result_is_reused(main_job: Done, cache: Path) -> None:
    before = result_of(main_job)
    again = run("+mix=full", "cutoff=512", output=main_job.output, cache=cache)
    assert again.status == 0, again.err[-3000:]
    assert "is finished" in again.out
    assert "training:" not in again.err
    assert result_of(again) == before


@pytest.mark.slow
def test_the_same_command_gives_the_same_bits(tmp_path: Path, cache: Path) -> None:
    small = ("cutoff=128", "epochs=0.1", "exam.per_sub_exam=3", "chat.answers=2", "chat.max_new_tokens=32")
    words = ("+mix=exam", *small, "site.threads=2")
    first, second = (run(*words, output=tmp_path / name, cache=cache) for name in ("a", "b"))
    assert first.status == second.status == 0, first.err[-2000:] + second.err[-2000:]
    (one,), (two,) = first.folders(), second.folders()
    assert curve(one) == curve(two)
    assert list(one.predictions("test")) == list(two.predictions("test"))
    weights = [(folder.path / "model" / "model.safetensors").read_bytes() for folder in (one, two)]
    assert weights[0] == weights[1]


@pytest.mark.slow
def test_lora_trains_an_adapter(tmp_path: Path, cache: Path) -> None:
    words = ("cutoff=128", "tune=lora", "lr=5e-3", "epochs=0.3", "exam.per_sub_exam=1", "chat.dialogues=0")
    done = run("+mix=exam", *words, output=tmp_path, cache=cache)
    assert done.status == 0, done.err[-3000:]
    (folder,) = done.folders()
    assert (folder.path / "adapter" / "adapter_model.safetensors").is_file()
    losses = [row["train/loss"] for row in folder.metrics()]
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_a_multirun_runs_one_trial_per_value(tmp_path: Path, cache: Path) -> None:
    done = run("-m", "+mix=exam", "cutoff=64,128", *QUICK, "tracker=none", output=tmp_path, cache=cache)
    assert done.status == 0, done.err[-3000:]
    folders = done.folders()
    assert sorted(folder.config["cutoff"] for folder in folders) == [64, 128]
    assert len({folder.manifest["identity"] for folder in folders}) == 2
    assert not any((folder.path / "wandb").exists() for folder in folders)


@pytest.mark.slow
def test_two_mixes_packed_rows_and_generated_answers(tmp_path: Path, cache: Path) -> None:
    exam = ("exam=cmb_generate", "exam.prompt=train", "exam.max_new_tokens=12")
    words = ("+mix=[qa,dialogue]", "train.batching=packed", *exam, *QUICK)
    done = run(*words, output=tmp_path, cache=cache)
    assert done.status == 0, done.err[-3000:]
    (folder,) = done.folders()
    assert folder.path.name.startswith("qa+dialogue-")
    assert any(row["text"] for row in folder.predictions("test"))


@pytest.mark.slow
def test_real_records_and_real_questions(shared: Path, tmp_path: Path, cache: Path) -> None:
    samples = shared / "samples"
    done = run(
        "+mix=full",
        "mix.datasets.cmedqa2=0",  # its question and answer text is not among the samples
        "cutoff=256",
        "epochs=0.1",
        "model=scratch",
        f"model.path={shared / 'internlm2' / 'tokenizer'}",
        "model.shape.hidden=32",
        "model.shape.layers=1",
        "model.shape.intermediate=64",
        "chat.dialogues=0",
        f"data.root={samples}",
        f"exam.root={samples / 'cnmleqa'}",
        output=tmp_path,
        cache=cache,
    )
    assert done.status == 0, done.err[-3000:]
    scores = result_of(done)["scores"]["test"]
    assert scores["n"] == 1500
    assert list(scores["by_sub_exam"]) == ["physician/licensed_physician"]
    assert "no held-out split" in done.out or "too few questions" in done.out
    assert sum(row["records"] for row in result_of(done)["drawn"]) > 1300


@pytest.mark.slow
def test_what_cannot_fit_stops_before_a_weight_is_made(tmp_path: Path, cache: Path) -> None:
    from csft import sample

    model = ("model=scratch", f"model.path={sample.base_model_path()}")
    shape = ("hidden=16384", "layers=400", "heads=128", "kv_heads=128", "intermediate=65536")
    words = (*model, *(f"model.shape.{word}" for word in shape))
    done = run("+mix=exam", "tracker=none", *words, output=tmp_path, cache=cache)
    assert done.status == 1
    assert "Training needs" in done.err and "GB: weights" in done.err and "tune=lora" in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_missing_datasets_are_named_with_their_source(shared: Path, tmp_path: Path, cache: Path) -> None:
    words = ("+mix=ner", "+mix.datasets.cmedqa2=1", f"data.root={shared / 'samples'}")
    exam = f"exam.root={shared / 'samples' / 'cnmleqa'}"
    done = run(*words, exam, output=tmp_path, cache=cache)
    assert done.status == 1
    assert "cmedqa2" in done.err
    assert DATASETS["cmedqa2"].source in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_a_tokenizer_without_the_markers_stops_by_name(tmp_path: Path, cache: Path) -> None:
    from csft import sample

    folder = tmp_path / "model"
    folder.mkdir()
    for file in sample.base_model_path().iterdir():
        text = file.read_bytes()
        (folder / file.name).write_bytes(text.replace(b"<|im_end|>", b"<|im_xxx|>"))
    done = run("+mix=ner", f"model.path={folder}", output=tmp_path / "out", cache=cache)
    assert done.status == 1
    assert "<|im_end|>" in done.err
    assert "Traceback" not in done.err


def test_a_data_folder_that_is_not_there(tmp_path: Path, cache: Path) -> None:
    done = run("+mix=ner", f"data.root={tmp_path / 'nowhere'}", output=tmp_path, cache=cache)
    assert done.status == 1
    assert done.err.startswith("csft: data.root=")


@pytest.mark.parametrize("word", ["cutoff=0", "lr=abc", "epochs=-1", "+mix=ful", "cutof=5", ""])
def test_bad_words_stop_before_anything_heavy(word: str, tmp_path: Path) -> None:
    words = [word] if word.startswith("+mix") else ["+mix=full", word] if word else []
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "csft.run", *words, f"output={tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=Path(__file__).resolve().parents[1],
    )
    assert done.returncode == 1
    imported = {
        line.split("|")[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")
    }
    told = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert told[0].startswith("csft: ")
    assert (word.removeprefix("+") or "mix=") in told[0]
    assert not imported & {"torch", "transformers", "wandb", "peft", "optuna"}
    assert "hydra" in imported
