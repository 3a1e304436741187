"""`python -m csft.report` as a user types it, on studies that were made up."""

import subprocess
import sys
import time
from pathlib import Path

import made_folders
import optuna
import pytest

from csft.report.__main__ import main

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-W", "ignore", "-m", "csft.report"]
PATIENCE_S = 120


def report(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [*COMMAND, *map(str, words)]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=300)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of a dozen trials, one of one trial, and one that failed."""
    made = tmp_path_factory.mktemp("outputs")
    made_folders.study(made, "dozen", trials=12)
    made_folders.study(made, "single", trials=1, otherwise=False)
    made_folders.study(made, "failed", trials=2)
    return made


def test_whole_report(output: Path) -> None:
    done = report("study=dozen", f"output={output}", "tracker=none", "stills=no")
    assert done.returncode == 0, done.stderr
    study = optuna.load_study(study_name="dozen", storage=f"sqlite:///{output}/studies.db")
    best = max((one for one in study.trials if one.values and one.number != 9), key=lambda one: one.values[0])
    assert f"Trial {best.number} " in done.stdout and f"{best.values[0]:.1f} percent" in done.stdout
    folder = output / "dozen" / "report"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "<title>" in page and "执业医师" in page and "The loss is nan. &lt;b&gt;" in page
    assert len((folder / "tables" / "trials.csv").read_text(encoding="utf-8").splitlines()) == 13
    assert {path.suffix for path in (folder / "tables").iterdir()} == {".csv", ".md", ".tex"}


def test_a_damaged_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_folders.study(tmp_path, "torn", trials=8)
    made_folders.tear(tmp_path / "torn" / "trial-1")
    assert main(["study=torn", f"output={tmp_path}", "tracker=none", "stills=no"]) == 0
    assert "left out     trial 1, " in capsys.readouterr().out
    page = (tmp_path / "torn" / "report" / "report.html").read_text(encoding="utf-8")
    assert "truncation.json missing, changed or unreadable" in page


@pytest.mark.parametrize(
    ("study", "says"), [("single", "Trial 0 "), ("failed", "No trial of this study has finished")]
)
def test_small_studies(output: Path, study: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"study={study}", f"output={output}", "tracker=none", "stills=no"]) == 0
    assert says in capsys.readouterr().out
    assert (output / study / "report" / "report.html").is_file()


def test_without_a_key_the_report_is_offline(
    output: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    words = ["study=single", f"output={output}", "stills=no"]
    assert main(words) == 0
    assert "no report there: no key is set" in capsys.readouterr().out
    assert main([*words, "tracker=wandb"]) == 1
    assert "no key is set" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["study=absent"], "study=absent: no such study in sqlite:"),
        ([], "There: dozen, failed, single."),
        (["study=dozen", "stils=no"], "stils=no cannot be used"),
        (["study=dozen", "tracker=mlflow"], "tracker=mlflow cannot be used. Allowed: auto | wandb | none."),
        (["--compare", "dozen/0"], "at least two names"),
        (["--compare", "dozen/0", "dozen/99"], "99"),
        (["--compare", "dozen", "absent"], "absent"),
        (["--watch", "--compare", "dozen/0", "dozen/1"], "one of the two"),
    ],
)
def test_bad_words(output: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"output={output}", *words]) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("names", [("dozen/0", "dozen/3", "dozen/5"), ("dozen", "single")])
def test_comparison(output: Path, tmp_path: Path, names: tuple[str, ...]) -> None:
    assert main([f"output={output}", "--compare", *names, f"out={tmp_path}", "stills=no"]) == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert all(name in page for name in names)


def test_a_folder_and_a_trial(output: Path, tmp_path: Path) -> None:
    folder = output / "dozen" / "trial-3"
    assert (
        main([f"output={output}", f"out={tmp_path}", "stills=no", "--compare", "dozen/0", str(folder)]) == 0
    )


def test_watching_ends_with_the_study(tmp_path: Path) -> None:
    study = made_folders.study(tmp_path, "live", trials=6)
    study.set_user_attr("total", 7)
    running = study.ask(made_folders.SPACE)
    page = tmp_path / "live" / "report" / "report.html"
    words = ["study=live", f"output={tmp_path}", "every=1", "stills=no", "tracker=none", "--watch"]
    with subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, text=True, cwd=ROOT) as watch:
        limit = time.monotonic() + PATIENCE_S
        while not page.is_file() and time.monotonic() < limit:
            time.sleep(0.2)
        assert 'data-again="1"' in page.read_text(encoding="utf-8")
        running.set_user_attr("failure", {"reason": "diverged", "kind": "DivergedError", "message": "nan"})
        study.tell(running, state=optuna.trial.TrialState.FAIL)
        out, _ = watch.communicate(timeout=PATIENCE_S)
    assert watch.returncode == 0 and out.count("report       ") == 2
    last = page.read_text(encoding="utf-8")
    assert 'data-again="' not in last and "diverged" in last
