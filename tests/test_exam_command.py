"""`python -m csft.exam`: taking, scoring and comparing exams without a trial."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from csft import exam, model, sample
from csft.candidate import Candidate
from csft.errors import SettingError
from csft.exam.__main__ import main
from csft.track import RunFolder

QUICK = ("per_sub_exam=1", "device=cpu")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSFT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def take(out: Path, *words: str) -> Path:
    assert main(["take", *QUICK, *words, f"out={out}"]) == 0
    return out


@pytest.fixture(scope="module")
def by_letters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return take(tmp_path_factory.mktemp("exams") / "letters", "split=select,test")


@pytest.fixture(scope="module")
def by_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = ("protocol=cmb_generate", "format=template", "max_new_tokens=8", "shots=1")
    return take(tmp_path_factory.mktemp("exams") / "text", *words)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a LoRA trial leaves, as far as an exam looks at it."""
    base = sample.base_model_path()
    net = model.adapt(model.load(base)[0], "lora", rank=2)
    for name, weight in net.named_parameters():
        if "lora_B" in name:
            weight.data = torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)) * 0.05
    folder = RunFolder.open(tmp_path_factory.mktemp("study") / "trial")
    chosen = {"path": "sample", "dtype": "float32", "init": "checkpoint", "shape": {}}
    tuned = {"model": chosen, "tune": {"method": "lora"}, "data": {"template": "intern2_2025"}}
    folder.write_config(tuned)
    folder.write_manifest({"places": {"model": str(base)}, "device": "cpu"})
    model.save_adapter(net, folder.path / "adapter")
    return folder.path


def test_everything_that_an_exam_leaves(by_letters: Path) -> None:
    names = {"manifest.json", "result.json", ".lock"}
    for split in ("select", "test"):
        names |= {f"predictions-{split}.jsonl", f"scores-{split}.json", f"submission-{split}.json"}
    assert {path.name for path in by_letters.iterdir()} == names
    manifest = read(by_letters / "manifest.json")
    assert manifest["parts"]["asking"]["protocol"] == "logits"
    assert manifest["parts"]["model"]["base"] == model.fingerprint(sample.base_model_path())
    assert manifest["format"] == {
        "format": "base",
        "template": "",
        "reason": "nothing says that csft tuned it",
    }
    assert manifest["environment"]["packages"]["torch"]
    submission = read(by_letters / "submission-test.json")
    rows = list(RunFolder(by_letters).predictions("test"))
    assert len(submission) == len(rows) == manifest["counts"]["test"] == 28
    submitted = {one["id"]: one["model_answer"] for one in submission}
    assert submitted == {row["id"]: row["letters"] for row in rows}


def test_a_written_exam_keeps_texts_and_asks_with_examples(by_text: Path) -> None:
    asking = read(by_text / "manifest.json")["parts"]["asking"]
    assert asking == {
        "protocol": "generate",
        "prompt": "cmb",
        "format": "template",
        "shots": 1,
        "rule": "official",
        "max_new_tokens": 8,
    }
    assert any(row["text"] for row in RunFolder(by_text).predictions("test"))


@pytest.mark.parametrize("sheet", ["submission-{}.json", "predictions-{}.jsonl"])
@pytest.mark.parametrize("split", ["select", "test"])
def test_a_scored_answer_file_has_the_exams_own_figures(
    by_letters: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], sheet: str, split: str
) -> None:
    out = tmp_path / "deep" / "figures.json"
    words = [f"answers={by_letters / sheet.format(split)}", f"split={split}", "per_sub_exam=1", f"out={out}"]
    assert main(["score", *words]) == 0
    figures = read(out)
    assert figures == read(by_letters / f"scores-{split}.json")
    told = capsys.readouterr().out
    assert f"{figures['total']:.2f} % of 28 questions; always {figures['best_letter']}" in told
    assert "医学考研 中医综合" in told


def test_the_published_key_and_one_letter(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = shared / "samples/cmb/CMB-test-choice-answer.json"
    sheet = tmp_path / "d.json"
    exam.write_submission(sheet, dict.fromkeys(range(1, 11201), "D"))
    assert main(["score", f"answers={sheet}", f"key={key}", f"out={tmp_path / 'out.json'}"]) == 0
    assert "of 11,200 questions; always D 19.6; 0 answers could not be read" in capsys.readouterr().out
    assert round(read(tmp_path / "out.json")["total"], 1) == 19.6
    exam.write_submission(sheet, dict.fromkeys(range(1, 11200), "D"))
    assert main(["score", f"answers={sheet}", f"key={key}"]) == 1
    assert "1 questions have no answer: ids 11200" in capsys.readouterr().err


def test_two_folders_are_compared(
    by_letters: Path, by_text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"
    b = by_text / "submission-test.json"
    assert main(["compare", f"a={by_letters}", f"b={b}", "per_sub_exam=1", f"out={out}"]) == 0
    figures = read(out)["total"]
    first, second = (read(folder / "scores-test.json")["total"] for folder in (by_letters, by_text))
    assert figures["difference"] == pytest.approx(second - first)
    assert figures["only_b"] - figures["only_a"] == round(28 * (second - first) / 100)
    assert "exact McNemar" in capsys.readouterr().out


def test_answers_to_other_questions_are_not_scored(
    by_letters: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "predictions-test.jsonl"
    rows = list(RunFolder(by_letters).predictions("test"))
    rows[3]["key"] = "".join(sorted(set("ABCDE") - set(rows[3]["key"])))
    other.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert main(["score", f"answers={other}", "per_sub_exam=1"]) == 1
    assert f"1 answers were given to other questions than these, whose keys differ: ids {rows[3]['id']}" in (
        capsys.readouterr().err
    )


def test_the_second_time_nothing_is_asked(
    by_letters: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (by_letters / "submission-test.json").unlink()
    monkeypatch.setattr(Candidate, "load", None)  # no weight may be read again
    take(by_letters, "split=select,test", "batch_tokens=64")
    told = capsys.readouterr().out
    assert f"This exam is finished: its answers are reused from {by_letters}" in told
    assert "percent right: sample, select" in told
    assert len(read(by_letters / "submission-test.json")) == 28


def test_a_folder_of_another_exam_is_kept(by_letters: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["take", *QUICK, "split=select,test", "prompt=train", f"out={by_letters}"]) == 1
    assert "a new folder; this one holds an exam that differs in asking" in capsys.readouterr().err


def test_damaged_answers_are_asked_again(by_text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = by_text / "predictions-test.jsonl"
    before = file.read_text(encoding="utf-8")
    file.write_text(before.replace('"correct": true', '"correct": false'), encoding="utf-8")
    take(by_text, "protocol=cmb_generate", "format=template", "max_new_tokens=8", "shots=1")
    assert "predictions-test.jsonl changed since the exam, which is taken again" in capsys.readouterr().out
    assert file.read_text(encoding="utf-8") == before


def test_a_tuned_model_is_asked_in_its_template(
    run_folder: Path, by_letters: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = take(tmp_path / "out", f"model={run_folder}")
    assert "template intern2_2025 (its run folder says so)" in capsys.readouterr().out
    parts = read(out / "manifest.json")["parts"]
    assert parts["model"]["base"] == read(by_letters / "manifest.json")["parts"]["model"]["base"]
    logprobs = [
        [row["logprobs"] for row in RunFolder(folder).predictions("test")] for folder in (out, by_letters)
    ]
    assert logprobs[0] != logprobs[1]


def test_what_auto_settles(run_folder: Path, tmp_path: Path) -> None:
    def settled(word: Path | str, base: str = "", chosen: str = "auto", template: str = "") -> list[str]:
        framing = Candidate.called(str(word), base).framing(chosen, template)
        return [framing.format, framing.template]

    alone = shutil.copytree(run_folder / "adapter", tmp_path / "alone")
    assert settled(run_folder / "adapter") == ["template", "intern2_2025"]
    assert settled(run_folder, template="intern2") == ["template", "intern2"]
    assert settled(alone, base="sample") == ["template", "intern2"]
    assert settled("sample") == settled(sample.base_model_path()) == ["base", ""]
    assert settled("sample", chosen="own") == ["own", ""]
    with pytest.raises(SettingError, match=r"template=intern2 .* nothing where the format is base"):
        settled("sample", template="intern2")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["take", "split=dev"], "split=dev cannot be used. Allowed: some of select, val, test"),
        (["take", "split="], "split=(none) cannot be used"),
        (
            ["take", "protocol=cmb"],
            "protocol=cmb cannot be used. Allowed: cmb_logits | cmb_generate |",
        ),
        (["take", "prompt=x"], "prompt=x cannot be used. Allowed: cmb | train"),
        (["take", "format=chat"], "format=chat cannot be used"),
        (["take", "shots=-1"], "shots=-1 cannot be used"),
        (["take", "device=tpu"], "device=tpu cannot be used"),
        (["take", "modl=x"], "modl=x cannot be used. Allowed: name=value with one of model, base, root"),
        (["take", "model={tmp}/none"], "none is not a folder"),
        (["take", "base=sample"], "nothing where there is no adapter"),
        (["take", "root={tmp}"], "The test questions are not below {tmp}"),
        (["take", "root={tmp}/none"], "root={tmp}/none cannot be used"),
        (["take", "root={tmp}", "split=select"], "a folder named cmb where split=select"),
        (["take", "protocol=cmb_cot", "prompt=train"], "cmb where exam.protocol=cot"),
        (["take", "shots=9"], "exam.shots=9: the validation split has"),
        (["take", "out={tmp}/full"], "full cannot be used. Allowed: a new folder"),
        (["take", "backend=vllm"], "torch with protocol=cmb_logits, which reads likelihoods"),
        (["take", "backend=vllm", "protocol=cmb_generate"], "python -m csft.export from=sample out=FOLDER"),
        (["score"], "answers=(none) cannot be used"),
        (["score", "answers={tmp}/none.json"], "none.json cannot be read"),
        (["score", "answers=x", "key={tmp}/k", "root={tmp}"], "nothing beside key={tmp}/k"),
        (["score", "answers=x", "key={tmp}/k", "per_sub_exam=1"], "per_sub_exam=1 cannot be used"),
        (["score", "answers=x", "key={tmp}/k"], "{tmp}/k does not exist"),
        (["score", "split=select,test"], "split=select,test cannot be used. Allowed: select | val | test"),
        (["compare", "a={tmp}/x"], "b=(none) cannot be used"),
        (["compare", "a={tmp}/full", "b={tmp}/full"], "predictions-test.jsonl cannot be read"),
    ],
)
def test_what_cannot_be_used_is_named(
    words: list[str],
    said: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    monkeypatch.setattr(Candidate, "load", None)  # all of it is said before a weight is read
    monkeypatch.chdir(tmp_path)
    assert main([word.format(tmp=tmp_path) for word in words]) == 1
    err = capsys.readouterr().err
    assert said.format(tmp=tmp_path) in err


def test_scoring_and_comparing_load_no_network(by_letters: Path) -> None:
    sheet = by_letters / "submission-test.json"
    code = (
        "import sys; from csft.exam.__main__ import main\n"
        f"assert main(['score', 'answers={sheet}', 'per_sub_exam=1']) == 0\n"
        f"assert main(['compare', 'a={sheet}', 'b={sheet}', 'per_sub_exam=1']) == 0\n"
        "assert not {'torch', 'transformers', 'wandb', 'peft'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=ROOT, capture_output=True)


def test_a_killed_exam_goes_on(by_text: Path, tmp_path: Path) -> None:
    words = ["take", "per_sub_exam=4", "device=cpu", "protocol=cmb_generate", "format=template"]
    words += ["max_new_tokens=8", "shots=1", "batch_rows=1", f"out={tmp_path / 'out'}"]
    answers = tmp_path / "out" / "answers-test.jsonl"
    first = start(words)
    while first.poll() is None and lines(answers) < 4:
        time.sleep(0.01)
    first.kill()
    first.communicate(timeout=60)
    assert first.returncode == -signal.SIGKILL
    assert 4 <= lines(answers) < 113
    answers.write_bytes(answers.read_bytes() + b'[{"id": 9, "let')  # as a torn line would be
    kept = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()[1:-1]]
    for row in (row for batch in kept for row in batch):
        row["text"] += " (kept)"
    head = answers.read_text(encoding="utf-8").splitlines()[0]
    answers.write_text("\n".join([head, *map(json.dumps, kept)]) + "\n", encoding="utf-8")
    assert main(words) == 0
    rows = list(RunFolder(tmp_path / "out").predictions("test"))
    assert sum("(kept)" in row["text"] for row in rows) == sum(map(len, kept))
    letters = {row["id"]: row["letters"] for row in rows}
    assert len(letters) == 112
    whole = {row["id"]: row["letters"] for row in RunFolder(by_text).predictions("test")}
    assert whole == {number: letters[number] for number in whole}
    assert not answers.exists()


def start(words: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "csft.exam", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        cwd=ROOT,
    )


def lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
