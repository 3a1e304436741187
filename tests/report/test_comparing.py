"""Trials and studies beside each other: on the same questions, or not at all."""

import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import made_folders
import numpy as np
import optuna
import pytest
from made_data import made
from made_found import found

from csft.errors import DataError
from csft.report import reading
from csft.report.command import Settings
from csft.report.comparing import page, studies_page, trials_page
from csft.report.comparing.named import from_run
from csft.report.page import Chart, Page, Points, Text
from csft.report.study_data import StudyData
from csft.report.table import Table

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = tmp_path_factory.mktemp("outputs")
    made_folders.study(folder, "one", trials=8, test=3)
    made_folders.study(folder, "two", trials=3, test=3, otherwise=False)
    return folder


@pytest.fixture(scope="module")
def study() -> StudyData:
    return made(14, 280, states=False)


@pytest.fixture(scope="module")
def twin() -> StudyData:
    """Another study on the same questions: without dialogues, its winner 20 points better."""
    other = made(12, 280, states=False, seed=3, chat=None, level=70.0)
    return dataclasses.replace(other, name="twin", record={**other.record, "seeds": 3})


def compared(output: Path, *names: str) -> Page:
    return page(names, Settings(output=str(output)))


def blocks(made_page: Page, kind: type) -> list[Any]:
    return [block for section in made_page.sections for block in section.blocks if isinstance(block, kind)]


def table(made_page: Page, name: str) -> list[dict[str, Any]]:
    (one,) = [block for block in blocks(made_page, Table) if block.name == name]
    names = [column.name for column in one.columns]
    return [dict(zip(names, row, strict=True)) for row in one.rows]


def warnings(made_page: Page) -> str:
    return " ".join(
        line for one in blocks(made_page, Text) if one.kind == "warning" for line in one.paragraphs
    )


def right(output: Path, study: str, number: int, split: str = "test") -> "np.ndarray[Any, Any]":
    lines = (output / study / f"trial-{number}" / f"predictions-{split}.jsonl").read_text(encoding="utf-8")
    marks = {row["id"]: row["correct"] for row in map(json.loads, lines.splitlines())}
    return np.array([marks[number] for number in sorted(marks)])


def changed(folder: Path, to: Path, **parts: Any) -> str:
    """A copy of a run folder whose manifest has other parts."""
    shutil.copytree(folder, to)
    place = to / "manifest.json"
    manifest = json.loads(place.read_text(encoding="utf-8"))
    for name, content in parts.items():
        manifest["parts"][name] |= content
    place.write_text(json.dumps(manifest), encoding="utf-8")
    from csft.files import hash_file

    result = json.loads((to / "result.json").read_text(encoding="utf-8"))
    result["files"]["manifest.json"] = hash_file(place)
    (to / "result.json").write_text(json.dumps(result), encoding="utf-8")
    return str(to)


def test_trials_by_all_their_names(output: Path) -> None:
    folder = output / "one" / "trial-3"
    made_page = compared(output, "one/0", "two/2", str(folder))
    assert made_page.title == "one/0 against two/2 against trial-3"
    rows = [row for row in table(made_page, "pairs") if row["split"] == "test"]
    assert [row["trial"] for row in rows] == ["two/2", "trial-3"]
    first = right(output, "one", 0)
    for row, other in zip(rows, (right(output, "two", 2), right(output, "one", 3)), strict=True):
        assert row["difference"] == pytest.approx(100 * (other.mean() - first.mean()))
        assert row["only it right"] == (other & ~first).sum()
    assert sorted(row["p"] for row in rows)[0] <= 1
    settings = {row["setting"]: row for row in table(made_page, "settings")}
    assert (settings["cutoff"]["one/0"], settings["cutoff"]["two/2"]) == (64, 256)
    assert "seed" not in settings and "output" not in settings
    charts = {one.name for one in blocks(made_page, Chart)}
    assert charts == {"scores-test", "scores-select", "sub-exams-test-1", "sub-exams-test-2", "loss", "exams"}
    named = {one.name for one in blocks(made_page, Table)}
    assert {"truncation", "conversation", "cost", "scores", "sub-exams-test-1"} < named
    assert "invented" in warnings(made_page)


def test_sentences_claim_no_more_than_the_interval_allows(output: Path) -> None:
    made_page = compared(output, "one/0", "one/1", "one/2", "one/3")
    (points,) = blocks(made_page, Points)
    rows = table(made_page, "pairs")
    assert len(points.items) == len(rows) == 6
    for (standing, sentence), row in zip(points.items, rows, strict=True):
        assert standing == row["it is"]
        assert ("cannot be told apart" in sentence) == (standing == "undecided")
        if standing != "undecided":
            assert row["p"] < 0.05 and not row["low"] <= 0 <= row["high"]


@pytest.mark.parametrize(
    ("parts", "refused", "said"),
    [
        ({"exams": {"test": "x", "select": "y"}}, True, "answered different questions"),
        ({"settings": {"exam": {"protocol": "generate"}}}, True, "exam.protocol=generate instead of"),
        ({"exams": {"select": "y"}}, False, "questions of select differ"),
        ({"data": {"cmb": "other"}}, False, "data of cmb differ"),
    ],
)
def test_other_exams_and_data_are_never_mixed_silently(
    output: Path, tmp_path: Path, parts: dict[str, Any], refused: bool, said: str
) -> None:
    copy = changed(output / "one" / "trial-1", tmp_path / "copy", **parts)
    if refused:
        with pytest.raises(DataError, match=said) as error:
            compared(output, "one/0", copy)
        assert "one/0 and copy" in str(error.value)
        return
    made_page = compared(output, "one/0", copy)
    assert said in warnings(made_page) and "one/0 and copy" in warnings(made_page)
    splits = {row["split"] for row in table(made_page, "pairs")}
    assert splits == ({"test"} if "exams" in parts else {"test", "select"})


def test_other_numbers_under_the_same_name_are_refused(output: Path, tmp_path: Path) -> None:
    run = reading.read_run(output / "one" / "trial-0")
    other = tmp_path / "trial-1"
    shutil.copytree(output / "one" / "trial-1", other)
    lines = (other / "predictions-test.jsonl").read_text(encoding="utf-8").splitlines()
    (other / "predictions-test.jsonl").write_text("\n".join(lines[1:]) + "\n", encoding="utf-8")
    moved = dataclasses.replace(reading.read_run(output / "one" / "trial-1"), folder=other)
    with pytest.raises(DataError, match="a and b cannot be compared"):
        trials_page([from_run(run, 0), from_run(moved, 1)], ["a", "b"])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["one/0", "one/99"], "one/99: study one has no trial 99. There: 0 to 7"),
        (["one/0", "one/7"], "one/7 is failed .*diverged.* Only finished"),
        (["one/0", "none/1"], "There: one, two"),
        (["one/0", "two"], "two is no trial"),
        (["one/0", "one/0"], "one/0 twice"),
        (["one", "three"], "There: one, two"),
    ],
)
def test_names_that_mean_nothing(output: Path, names: Sequence[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        page(names, Settings(output=str(output)))


def test_studies_on_the_same_questions(study: StudyData, twin: StudyData) -> None:
    made_page = studies_page([(study, found(study)), (twin, found(twin))])
    first, other = (f"{one.name}/{one.best[0]}" for one in (study, twin))
    (row,) = [one for one in table(made_page, "pairs") if one["split"] == "test"]
    assert made_page.title == "made against twin"
    assert (row["trial"], row["it is"]) == (other, "better") and f"only {first} right" in row
    assert study.winner and twin.winner
    mine, theirs = (one.winner.scores("test") for one in (study, twin) if one.winner)
    assert mine and theirs and row["difference"] == pytest.approx(theirs.total - mine.total)
    assert [one["study"] for one in table(made_page, "studies")] == ["made", "twin"]
    charts = {one.name: one for one in blocks(made_page, Chart)}
    assert {f"effect-{name}" for name in ("cutoff", "epochs", "lr")} <= set(charts)
    for name in ("best-trials", "best-hours"):
        traces = charts[name].figure.data
        assert [trace.name for trace in traces] == ["made", "twin"]
        assert [max(trace.y) for trace in traces] == [study.winner.score, twin.winner.score]
        assert list(traces[0].y) == sorted(traces[0].y)
    assert charts["best-hours"].figure.data[0].x[-1] == pytest.approx(
        sum(one.hours or 0 for one in study.trials)
    )
    shared = {row["setting"]: row for row in table(made_page, "settings")}
    assert (shared["seeds"]["made"], shared["seeds"]["twin"]) == (1, 3)


def test_studies_on_other_questions_keep_figures_of_their_own(study: StudyData) -> None:
    other = dataclasses.replace(made(12, 140, states=False, seed=3), name="other")
    made_page = studies_page([(study, found(study)), (other, found(other))])
    assert "not scored on the same questions" in warnings(made_page)
    assert not blocks(made_page, Points) and "pairs" not in {one.name for one in blocks(made_page, Table)}
    charts = blocks(made_page, Chart)
    assert len({one.name for one in charts}) == len(charts)
    assert all(len(one.figure.data) == 1 for one in charts)


def test_studies_need_winners(study: StudyData) -> None:
    empty = dataclasses.replace(made(2, states=False), name="empty", best=())
    with pytest.raises(DataError, match="empty: no trial that could win"):
        studies_page([(study, found(study)), (empty, found(empty))])
