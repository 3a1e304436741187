"""`python -m csft.study`: studies from the terminal."""

import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import made
import optuna
import pytest

from csft.study.__main__ import main

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    made.study(folder)
    made.study(folder, "trade-offs", ("score", "chat_loss", "gpu_hours"))
    other = optuna.create_study(study_name="other", storage=made.storage(folder))
    other.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    return folder


def told(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> str:
    """What a command prints, without the breaks and spaces of its tables."""
    assert main([str(word) for word in words]) == status
    printed = capsys.readouterr()
    assert bool(printed.out) != bool(status) and bool(printed.err) == bool(status)
    return " ".join((printed.out or printed.err).split())


def test_list(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "list", f"output={output}")
    assert "paper 11 60" in text and "trade-offs 11 3 trade-offs" in text
    assert "other (made by other software) 3" in text


def test_show(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "show", "study=paper", f"output={output}")
    assert "2 * cutoff=512 lr=0.000196 epochs=3 60 54.2 to 65.6 0.25 finished mix=dialogue" in text
    assert "(12.5) 0.25 pruned: given up at epoch 1" in text and "infeasible: beyond memory_gb" in text
    assert "1 running, 1 waiting, 5 finished, 1 infeasible, 1 pruned, 1 failed, 1 killed; * is best" in text


def test_best(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(capsys, "best", "study=paper", f"output={output}")
    assert "best of paper: trial 2," in text and "score 60 (95 % interval 54.2 to 65.6, n 280)" in text
    assert "医学考研 中医综合 10 20.0 60.0 31 to 83 10 20.0 50.0 24 to 76" in text
    front = told(capsys, "best", "study=trade-offs", f"output={output}")
    assert "2 cutoff=512" in front and "0 cutoff=128" in front and "6 cutoff" not in front


def test_export_is_one_command_line(output: Path) -> None:
    words = [sys.executable, "-W", "ignore", "-m", "csft.study", "export", "study=paper", f"output={output}"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.count("\n") == 1
    line = shlex.split(done.stdout)
    assert line[:3] == ["python", "-m", "csft.run"] and "cutoff=512" in line and "+mix=dialogue" in line


def test_export_of_a_trade_off_and_of_all_settings(output: Path, capsys: pytest.CaptureFixture[str]) -> None:
    which = ("study=trade-offs", f"output={output}")
    assert "Choose one of trial=2, 1, 0;" in told(capsys, "export", *which, status=1)
    assert "cutoff=256" in told(capsys, "export", *which, "trial=1")
    assert told(capsys, "export", *which, "trial=1", "format=yaml") == "cutoff: 256 lr: 0.00014"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "study=papr"), "study=papr: no such study in sqlite:"),
        (("best",), "There: other, paper, trade-offs."),
        (("export", "study=other"), "was made by other software"),
        (("export", "study=paper", "trial=99"), "trial=99: study paper has no such trial."),
        (("export", "study=paper", "trial=9", "format=yaml"), "trial 9 left no run folder"),
        (("export", "format=xml"), "format=xml cannot be used. Allowed: line | yaml."),
        (("dashboard", "port=70000"), "port=70000 cannot be used."),
    ],
)
def test_what_cannot_be_done(
    output: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert said in told(capsys, *words, f"output={output}", status=1)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:///{}/none.db", "there is no such file"),
        ("sqlite:///{}/text.db", "file is not a database"),
        ("sqlite:///{}/foreign.db", "there are no studies in this database"),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/x", "cannot be used: connection failed"),
        ("redis://somewhere", "Allowed: a database as sqlite:///"),
    ],
)
def test_a_storage_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str, said: str
) -> None:
    if url.startswith("postgresql"):
        pytest.importorskip("psycopg")
    (tmp_path / "text.db").write_text(
        "no database at all, but long enough to be taken for one", encoding="utf-8"
    )
    with sqlite3.connect(tmp_path / "foreign.db") as foreign:
        foreign.execute("create table users (name)")
    text = told(capsys, "list", f"storage={url.format(tmp_path)}", status=1)
    assert said in text and "secret" not in text
    tables = sqlite3.connect(tmp_path / "foreign.db").execute("select name from sqlite_master").fetchall()
    assert tables == [("users",)] and not (tmp_path / "none.db").exists()


def test_a_study_without_a_winner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = made.study(tmp_path, "empty", trials=())
    assert "no trial has finished within the constraints (no trials)" in told(
        capsys, "best", f"output={tmp_path}", status=1
    )
    study.add_trial(made.trial(tmp_path, "empty", 6))
    assert "(1 infeasible)" in told(capsys, "export", f"output={tmp_path}", status=1)
