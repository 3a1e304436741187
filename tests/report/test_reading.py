"""A study read from its database and run folders, whole and damaged."""

import json
import shutil
from pathlib import Path
from typing import Any

import made_folders
import numpy as np
import optuna
import pytest

from csft.errors import DataError
from csft.report import reading
from csft.report.study_data import StudyData
from csft.track import RunFolder

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
TRIALS = 12
FINISHED = 9  # of them, with the one beyond a constraint


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that was moved since: its database names folders that are not there any more."""
    output = tmp_path_factory.mktemp("outputs")
    made_folders.study(output, trials=TRIALS)
    return output.rename(output.with_name("moved"))


@pytest.fixture
def output(made: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def read(output: Path) -> StudyData:
    study = optuna.load_study(study_name="made", storage=f"sqlite:///{output}/studies.db")
    return reading.read(study, "sqlite:///studies.db", output)


def test_whole_study(made: Path) -> None:
    data = read(made)
    assert [one.number for one in data.trials] == list(range(TRIALS))
    assert len(data.finished) == FINISHED and not data.left_out
    assert data.parameters == ("mix", "cutoff", "epochs", "lr")
    assert data.scales == {"mix": "category", "cutoff": "log", "epochs": "linear", "lr": "log"}
    states = [one.state for one in data.trials[-4:]]
    assert states == ["killed", "infeasible", "pruned", "failed"]
    assert data.winner is not None and data.winner.eligible
    assert data.winner.score == max(one.values[0] for one in data.trials if one.eligible)
    assert data.trials[0].origin == "the paper's setting"


@pytest.mark.parametrize("split", ["select", "test"])
def test_marks_are_those_of_the_predictions(made: Path, split: str) -> None:
    data = read(made)
    marks = data.marks[split]
    assert marks.right_MQ.shape == (FINISHED + 1, len(marks.ids_Q))  # and one row for the base they share
    assert len(set(marks.base_rows.values())) == 1
    for trial in data.finished:
        assert trial.run is not None
        rows = {row["id"]: row for row in RunFolder(trial.run.folder).predictions(split)}
        right, base = marks.of(trial), marks.base_of(trial)
        assert right is not None and base is not None
        assert right.tolist() == [rows[number]["correct"] for number in marks.ids_Q]
        assert base.tolist() == [rows[number]["base"] == rows[number]["key"] for number in marks.ids_Q]
        scores = trial.scores(split)
        assert scores is not None and 100 * right.mean() == pytest.approx(scores.total)
        nurses = np.isin(marks.sub_exam_Q, range(5, 9))
        assert 100 * right[nurses].mean() == pytest.approx(scores.by_exam_type["nursing"])


def spoil_figure(folder: Path) -> None:
    made_folders.tear(folder)


def spoil_predictions(folder: Path) -> None:
    (folder / "predictions-test.jsonl").write_text('{"id": 1, "correct": tr', encoding="utf-8")
    seal(folder)


def spoil_sub_exam(folder: Path) -> None:
    path = folder / "predictions-select.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("nursing/", "sailing/"), encoding="utf-8")
    seal(folder)


def drop_question(folder: Path) -> None:
    path = folder / "predictions-test.jsonl"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    seal(folder)


def seal(folder: Path) -> None:
    """Give the folder checksums of what it holds now."""
    kept = RunFolder(folder)
    stored = json.loads((folder / "result.json").read_text(encoding="utf-8"))["result"]
    kept.finish(stored)


def other_exam(folder: Path) -> None:
    kept = RunFolder(folder)
    manifest = kept.manifest
    manifest["parts"]["exams"]["test"] = "another"
    kept.write_manifest(manifest)
    seal(folder)


def other_protocol(folder: Path) -> None:
    kept = RunFolder(folder)
    manifest = kept.manifest
    manifest["parts"]["settings"]["exam"]["protocol"] = "generate"
    kept.write_manifest(manifest)
    seal(folder)


def other_data(folder: Path) -> None:
    kept = RunFolder(folder)
    manifest = kept.manifest
    manifest["parts"]["data"]["cmb"] = "changed"
    kept.write_manifest(manifest)
    seal(folder)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (spoil_figure, "truncation.json missing, changed or unreadable"),
        (shutil.rmtree, "there is no finished trial"),
        (spoil_predictions, "predictions-test.jsonl cannot be read"),
        (drop_question, "other questions than the others"),
        (other_exam, "questions of test differ"),
        (other_protocol, "exam.protocol=generate instead of logits"),
        (other_data, "data of cmb differ"),
    ],
)
def test_one_bad_folder_is_named_and_left_out(output: Path, spoil: Any, says: str) -> None:
    spoil(output / "made" / "trial-3")
    data = read(output)
    assert len(data.finished) == FINISHED - 1 and len(data.trials) == TRIALS
    assert [one.trial for one in data.left_out] == [3] and says in data.left_out[0].why
    assert all((3, 0) not in marks.rows for marks in data.marks.values())


def test_unknown_sub_exam_names_the_file(output: Path) -> None:
    for number in range(TRIALS - 2):
        if (output / "made" / f"trial-{number}").is_dir():
            spoil_sub_exam(output / "made" / f"trial-{number}")
    data = read(output)
    assert not data.finished and "unknown sub-exams: sailing/advanced_nurse" in data.left_out[0].why


def test_winner_with_a_damaged_folder_gives_way(output: Path) -> None:
    best = read(output).best[0]
    made_folders.tear(output / "made" / f"trial-{best}")
    data = read(output)
    assert data.winner is not None and data.winner.number != best
    assert data.winner.score == max(one.values[0] for one in data.trials if one.eligible)


def test_study_of_other_software(tmp_path: Path) -> None:
    study = optuna.create_study(study_name="theirs", storage=f"sqlite:///{tmp_path}/studies.db")
    with pytest.raises(DataError, match="study=theirs was made by other software"):
        reading.read(study, "", tmp_path)


def test_study_with_nothing_finished(tmp_path: Path) -> None:
    made_folders.study(tmp_path, trials=2)
    data = read(tmp_path)
    assert not data.finished and data.winner is None and not data.marks
