"""Notes, figures and files that a study gets for the Optuna dashboard."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import made
import optuna
import pytest

from csft.cmb import SUB_EXAMS
from csft.study import dashboard, outcomes, watching
from csft.study.artifacts import FOLDER, upload
from csft.study.figures import figures
from csft.study.notes import study_note, trial_note

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> tuple[optuna.Study, Path]:
    folder = tmp_path_factory.mktemp("outputs")
    return made.study(folder), folder


def attributes(study: optuna.Study) -> dict[str, Any]:
    return study._storage.get_study_system_attrs(study._study_id)


def test_note_of_a_finished_trial(paper: tuple[optuna.Study, Path]) -> None:
    study, folder = paper
    note = trial_note(study, study.trials[7])
    rows = [line for line in note.splitlines() if any(f" {sub.exam_class} " in line for sub in SUB_EXAMS)]
    assert len(rows) == 28
    told = [line.replace("\N{NO-BREAK SPACE}", " ") for line in note.splitlines()]
    english, others = "physician / licensed physician", "20.0 | 40.0 (17 to 69)"
    assert f"| 医师考试 · 执业医师 | {english} | 10 | **50.0** | 23.7 to 76.3 | {others} |" in told
    assert "| select | 280 | **50.0** | 44.2 to 55.8 | 20.0 |" in told
    assert "| cmb | 100 | 38.9 | 1 | 4 | 9 |" in note and "marker" not in note  # which nothing loses
    assert f"<{(folder / 'paper/trial-7').as_uri()}>" in note and "<https://wandb.example/runs/7>" in note
    assert outcomes.command(study.trials[7]) in note


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (3, "**Failed: diverged** (DivergedError)\n\n````\nThe loss is nan at update 7"),
        (4, "**Pruned**: given up at epoch 1 with 12.5."),
        (6, "**Infeasible**: beyond memory\\_gb."),
        (8, "**Finished**. Goes on for trial 5, whose worker died."),
        (9, "**Killed**: its worker died."),
        (11, "**Waiting**. Queued as the paper's setting."),
    ],
)
def test_note_tells_what_became_of_a_trial(paper: tuple[optuna.Study, Path], number: int, told: str) -> None:
    study, _ = paper
    assert told in trial_note(study, study.trials[number])


def test_note_of_a_study(paper: tuple[optuna.Study, Path]) -> None:
    note = study_note(paper[0])
    assert "Which `cutoff`, `epochs`, `lr`, `mix` gives the best score?" in note
    assert "1 running, 1 waiting, 5 finished, 1 infeasible, 1 pruned, 1 failed, 1 killed" in note
    assert "| 2 | `cutoff=512 lr=0.000196 epochs=3 mix=dialogue` | 60 |" in note
    assert "went over the study's limits: trial 6" in note
    assert "python -m csft.study export study=paper" in note


def test_figures(paper: tuple[optuna.Study, Path]) -> None:
    drawn = {name: json.loads(figure.to_json()) for name, figure in figures(paper[0]).items()}
    assert drawn.keys() == {"scores", "truncation", "history", "sub-exams", "curves"}
    axes = [drawn["scores"]["layout"][f"xaxis{place}"] for place in ("", "2", "3", "4")]
    assert [(axis["title"]["text"], axis["type"]) for axis in axes] == [
        ("cutoff", "log"),
        ("lr", "log"),
        ("epochs", "linear"),
        ("mix", "category"),
    ]
    best = drawn["history"]["data"][1]
    assert [round(value) for value in best["y"]] == [30, 40, 60, 60, 60]  # without the one over its limit
    assert drawn["truncation"]["data"][0]["x"] == [128, 256, 512, 256, 512, 1024]
    bars = drawn["sub-exams"]["data"]
    assert len(bars[0]["y"]) == len(set(bars[0]["y"])) == 28 and bars[1]["x"] == [60.0] * 28
    assert sum(bar.get("visible", True) for bar in bars) == 2
    assert len(drawn["sub-exams"]["layout"]["updatemenus"][0]["buttons"]) * 2 == len(bars)
    assert all(len(json.dumps(figure)) < 40_000 for figure in drawn.values())


def test_shown_twice_is_shown_once(tmp_path: Path) -> None:
    pytest.importorskip("optuna_dashboard")
    study = made.study(tmp_path, trials=(2, 3, 7, 10))
    for _ in range(2):
        dashboard.show_study(study, tmp_path)
        kept = attributes(study)
        files = sorted(path.name for path in (tmp_path / FOLDER).iterdir() if not path.suffix)
        told = {json.loads(value)["artifact_id"] for key, value in kept.items() if ":artifacts:" in key}
        assert files == sorted(told) and len(files) == 2 * 5
        assert len({key.split(":")[2] for key in kept if ":plot_data:" in key}) == 5
    versions = {key: value for key, value in kept.items() if key.endswith("note_ver")}
    assert versions and set(versions.values()) == {1}  # nothing was written anew
    names = [
        json.loads(value)["filename"]
        for key, value in kept.items()
        if f":{study.trials[2]._trial_id}:" in key and ":artifacts:" in key
    ]
    assert sorted(names) == [
        "config.yaml",
        "predictions-select.jsonl",
        "result.json",
        "sub-exams.svg",
        "truncation.json",
    ]


def test_a_worker_shows_a_study_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna_dashboard")
    study = made.study(tmp_path, trials=(2, 3))
    dashboard.Showing(study, tmp_path).ended()
    assert not any("note" in key for key in attributes(study))
    monkeypatch.setattr(dashboard, "EVERY_S", 0.0)
    showing = dashboard.Showing(study, tmp_path)
    showing.ended()
    noted = [key for key in attributes(study) if key.endswith("note_ver")]
    assert len(noted) == 3  # of both trials and of the study
    study.add_trial(made.trial(tmp_path, "paper", 7))
    showing.ended()  # that took a share of the time already
    assert noted == [key for key in attributes(study) if key.endswith("note_ver")]


def test_a_note_that_a_person_wrote_stays_and_a_lost_file_comes_back(tmp_path: Path) -> None:
    board = pytest.importorskip("optuna_dashboard")
    study = made.study(tmp_path, trials=(0,))
    board.save_note(study, "Mind trial 6.")
    dashboard.show_study(study, tmp_path)
    study.add_trial(made.trial(tmp_path, "paper", 7))
    dashboard.show_study(study, tmp_path)
    note = board.get_note(study)
    assert note.startswith("Mind trial 6.") and note.count("## paper") == 1 and "2 finished" in note
    for path in (tmp_path / FOLDER).glob("*-*"):
        path.unlink()
    assert len(upload(study, study.trials[0], tmp_path)) == 5


@pytest.mark.parametrize("missing", [True, False])
def test_the_study_goes_on_where_nothing_can_be_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: bool
) -> None:
    study = optuna.create_study(storage=made.storage(tmp_path))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    monkeypatch.setattr(dashboard, "_SAID", set())
    output = tmp_path / "studies.db"  # a file where a folder is needed
    if missing:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for _ in range(2):
        dashboard.show_study(study, output)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1 and ("csft[dashboard]" if missing else "the study goes on") in said[0]


def test_a_trial_without_its_folder_and_other_software_are_shown_with_what_there_is(tmp_path: Path) -> None:
    study = optuna.create_study(storage=made.storage(tmp_path))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    assert "**Finished**" in trial_note(study, study.trials[0])
    assert outcomes.state(study.trials[2]) == "failed"  # no worker of csft's, so nobody killed it
    assert figures(study).keys() == {"scores", "history"}
    gone = made.trial(tmp_path, "gone", 7)
    (tmp_path / "gone/trial-7/result.json").write_text("{", encoding="utf-8")
    study.add_trial(gone)
    note = trial_note(study, study.trials[3]).replace(str(tmp_path), "")  # whose number may be any
    assert "**Finished**" in note and "28" not in note


def test_answers_reported_one_by_one_are_no_scores() -> None:
    assert (watching.SPAN, watching.MEAN) == (outcomes.ANSWERS_FROM, outcomes.MEAN)
    asked = dict(enumerate([1.0, 0.0, 1.0, 1.0], outcomes.ANSWERS_FROM))
    for reported, score in (
        ({1: 40.0, 2: 45.0, 3: math.nan}, 45.0),
        (asked, 75.0),
        ({**asked, outcomes.MEAN: 0.6}, 60.0),
    ):
        trial = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, intermediate_values=reported)
        assert outcomes.latest_score(trial) == pytest.approx(score)
        assert outcomes.by_answer(reported) == (score != 45.0)


def test_nothing_heavy_is_imported() -> None:
    import subprocess

    code = "import sys, csft.study.__main__, csft.study.dashboard, csft.study.board; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "transformers", "optuna", "plotly", "scipy", "wandb"} & set(loaded)
