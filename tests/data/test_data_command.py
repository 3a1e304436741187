"""`python -m csft.data`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from csft import data
from csft.data.__main__ import main


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CSFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_convert_writes_alpaca_lines(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", f"root={root}", f"output={tmp_path / 'out'}"]) == 0
    lines = (tmp_path / "out" / "discmed.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[1]) == {
        "instruction": "还是疼",
        "input": "",
        "output": "吃药。",
        "history": [["我头疼", "多喝水。"]],
        "system": "",
    }
    assert "discmed.jsonl: 8 records, none set aside" in capsys.readouterr().out


def test_screen_says_what_was_left_out_and_where_it_is_listed(
    root: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["screen", f"root={root}", "datasets=discmed"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("discmed:"))
    assert "discmed: 6 of 8 kept; 2 exact duplicate" in line
    listed = Path(line.split()[-1]).read_text(encoding="utf-8").splitlines()
    assert [json.loads(entry)["reason"] for entry in listed] == ["exact duplicate"] * 2
    assert len(list((cache / "data" / "screened").glob("*/records.parquet"))) == 1


def test_table1_sets_the_papers_figures_beside_ours(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table1", f"root={root}"]) == 0
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    topics, records = ["464,898", "4", "-464,894"], ["1,362,307", "8", "-1,362,299"]
    assert rows["discmed"] == ["discmed", "zh", "dialogue", *topics, *records, "0"]
    assert rows["cmb"].count("here") == 2


def test_lengths_with_the_real_tokenizer(
    root: Path, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        f"tokenizer={shared / 'internlm2' / 'tokenizer'}",
        "cutoffs=16,512",
        f"output={tmp_path / 'out'}",
    ]
    assert main(["lengths", f"root={root}", *words]) == 0
    head, *rows, _figure = capsys.readouterr().out.splitlines()[-4:]
    assert head.split()[:4] == ["dataset", "records", "tokens", "mean"]
    assert {row.split()[0]: row.split()[1] for row in rows} == {"discmed": "6", "webmedqa": "1"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"lengths.html", "lengths.csv"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["table1", "root="], "root=(none) cannot be used"),
        (["fetch"], "root=sample cannot be used"),
        (["lengths", "near_duplicates=x"], "near_duplicates=x cannot be used"),
        (["screen", "exam_overlap=2"], "exam_overlap=2.0 cannot be used"),
        (["lengths", "cutoffs=0"], "cutoffs=0 cannot be used"),
        (["table1", "root=/nowhere"], "root=/nowhere cannot be used"),
        (["table1", "rot=x"], "rot=x cannot be used"),
        (["lengths", "root=."], "tokenizer=(none) cannot be used"),
        (["screen", "root=.", "datasets=cmbb"], "cmbb"),
        (["screen", "root=.", "datasets=cmb"], "FreedomIntelligence/CMB"),
        (["screen", "root=.", "exam=/nowhere.json"], "/nowhere.json"),
    ],
)
def test_what_cannot_be_used_is_named(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    assert said in capsys.readouterr().err


def test_importing_the_room_loads_nothing_heavy() -> None:
    used = "from csft import data; data.Alpaca, data.draw, data.encode, data.TrainingSet, data.prepare"
    heavy = "{'torch', 'transformers', 'pyarrow', 'wandb', 'tokenizers'}"
    code = f"import sys; {used}; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_no_public_name_is_hidden_by_a_module() -> None:
    room = Path(data.__file__).parent
    assert not set(data.__all__) & {path.stem for path in room.iterdir()}
    assert all(getattr(data, name) is not None for name in data.__all__)
