"""The Optuna dashboard on a study of csft's: its pages in a browser, and its reading while others write."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import made
import pytest

from csft.study import dashboard
from csft.study.artifacts import picture_place

pytest.importorskip(
    "optuna_dashboard", reason='the Optuna dashboard is not installed: pip install "csft[dashboard]"'
)
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")]
ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

WRITER = """
import sys, time
sys.path.insert(0, "tests/study")
from pathlib import Path
import made, optuna
from csft.study.dashboard import show_study
folder = Path(sys.argv[1])
study = optuna.load_study(study_name="paper", storage=made.storage(folder))
for number in range(4):
    trial = study.ask(made.SPACE)
    for step in range(1, 31):
        trial.set_user_attr("progress", {"updates": step, "of": 30})
        trial.report(float(step), step)
    study.tell(trial, 40.0 + number)
    show_study(study, folder)
"""


def serving(folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "ignore", "-m", "csft.study", "dashboard", "port=0", f"output={folder}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made_in = tmp_path_factory.mktemp("outputs")
    study = made.study(made_in)
    dashboard.show_study(study, made_in)
    return made_in


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with serving(folder) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().split()[0].rstrip("/")
        finally:
            server.terminate()


def page(address: str) -> str:
    """What a page holds when its scripts have run."""
    if CHROMIUM is None:
        pytest.skip("no chromium here: apt-get install chromium fonts-noto-cjk")
    with tempfile.TemporaryDirectory() as profile:
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
        command += ["--virtual-time-budget=20000", "--window-size=1400,3000", "--dump-dom", address]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout


def test_page_of_a_study(address: str) -> None:
    held = page(f"{address}/dashboard/studies/1")
    figures = ("score against each parameter", "score, trial by trial", "What the cut-off removes")
    for words in (*figures, "The 28 sub-exams", "Learning curves", "Intermediate values", "医师 规培结业"):
        assert words in held
    for tick in ("128", "256", "512", "1024"):  # cut-offs are numbers on an axis
        assert f">{tick}</text>" in held


def test_page_of_a_trial(address: str, folder: Path) -> None:
    held = page(f"{address}/dashboard/studies/1/trials?numbers=2")
    study = made.optuna.load_study(study_name="paper", storage=made.storage(folder))
    picture = picture_place(study, study.trials[2])
    for words in (
        "医师考试 · 执业医师",
        "31.3\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}83.2",
        "What the cut-off takes",
    ):
        assert words in held.replace("&nbsp;", "\N{NO-BREAK SPACE}")
    for name in (
        "result.json",
        "predictions-select.jsonl",
        "truncation.json",
        "config.yaml",
        "sub-exams.svg",
    ):
        assert name in held
    assert (
        f'src="{picture}"' in held and "python -m csft.run cutoff=512" in held and "csft writes" not in held
    )
    with urlopen(f"{address}{picture}") as answer:
        assert answer.headers["Content-Type"] == "image/svg+xml" and b"</svg>" in answer.read()


def test_note_of_a_study(address: str) -> None:
    held = page(f"{address}/dashboard/studies/1/note")
    assert "gives the best score?" in held and "python -m csft.study export study=paper" in held


def test_reading_while_a_worker_writes(tmp_path: Path) -> None:
    made.study(tmp_path, trials=(0, 1))
    with serving(tmp_path) as server:
        assert server.stdout is not None
        try:
            api = f"{server.stdout.readline().split()[0]}api/studies/1?after=0"
            command = [sys.executable, "-W", "ignore", "-c", WRITER, str(tmp_path)]
            seen = []
            with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as writer:
                while writer.poll() is None:
                    seen.append(_read(api))
                assert writer.stderr is not None
                errors = writer.stderr.read()
            assert writer.returncode == 0 and "rror" not in errors
            while len(seen[-1]["trials"]) < 6:  # the page's server looks anew every 2 s alone
                seen.append(_read(api))
        finally:
            server.terminate()
    values = [sum(len(one["intermediate_values"]) for one in study["trials"]) for study in seen]
    assert values == sorted(values) and len(set(values)) > 2  # it grew under the reader's eyes


def _read(address: str) -> dict:  # type: ignore[type-arg]
    with urlopen(address) as answer:
        assert answer.status == 200
        return json.load(answer)
