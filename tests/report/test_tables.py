"""The tables of a made study, whose truth is known."""

import dataclasses
from typing import Any

import pytest
from made_data import made
from made_found import found

from csft.cmb import SUB_EXAMS
from csft.report import published
from csft.report.analysis import Analysis
from csft.report.study_data import Run, StudyData, Trial
from csft.report.table import Table
from csft.report.tables import tables
from csft.report.tables.table2 import INVENTED

NOTHING = Analysis(None, (), (), (), (), (), ())


@pytest.fixture(scope="module")
def data() -> StudyData:
    return made(questions=280)


@pytest.fixture(scope="module")
def analysis(data: StudyData) -> Analysis:
    return found(data)


@pytest.fixture(scope="module")
def all_tables(data: StudyData, analysis: Analysis) -> dict[str, Table]:
    return tables(data, analysis)


def rows(table: Table) -> list[dict[str, Any]]:
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def with_runs(data: StudyData, **changes: Any) -> StudyData:
    """The study with other fields in every run."""

    def changed(trial: Trial) -> Trial:
        return dataclasses.replace(
            trial, runs=tuple(dataclasses.replace(run, **changes) for run in trial.runs)
        )

    return dataclasses.replace(data, trials=tuple(map(changed, data.trials)))


def run_of(data: StudyData) -> Run:
    assert data.winner and data.winner.run
    return data.winner.run


def test_every_table_is_there_and_even(data: StudyData, all_tables: dict[str, Table]) -> None:
    against = {f"sub-exams-{who}-{split}" for who in ("base", "paper", "all") for split in ("select", "test")}
    plain = {"trials", "rivals", "effects", "importance", "truncation", "table2", "claims", "datasets"}
    assert set(all_tables) == against | plain | {"provenance", "left-out"}
    for name, table in all_tables.items():
        assert table.name == name and rows(table)


def test_trials_tell_state_score_interval_and_why(data: StudyData, all_tables: dict[str, Table]) -> None:
    table = all_tables["trials"]
    told = rows(table)
    assert [row["trial"] for row in told] == list(range(24))
    assert table.marked == {data.best[0]}
    winner = told[data.best[0]]
    assert winner["select low"] < winner["score"] < winner["select high"]
    assert winner["test low"] < winner["test"] < winner["test high"]
    pruned = told[7]
    assert (pruned["state"], pruned["test"], pruned["score"]) == ("pruned", None, 41.2)
    assert pruned["why not"] == "given up at epoch 1 with 41.2"
    assert "select" not in winner, "it would repeat the score"
    assert not any("left out" in note for note in table.notes), "7 and 19 were pruned, which is no loss"


def test_seeds_are_averaged_and_objectives_have_columns() -> None:
    data = made(4, 140, seeds=3, states=False, objectives=("score", "chat_loss"))
    told = rows(tables(data, NOTHING)["trials"])[2]
    scores = [run.result.scores["test"].total for run in data.trial(2).runs]
    assert told["test"] == pytest.approx(sum(scores) / 3)
    assert told["seeds"] == 3 and told["chat_loss"] == data.trial(2).values[1]


def test_rivals_begin_with_base_and_paper_and_name_each_once(
    data: StudyData, all_tables: dict[str, Table]
) -> None:
    told = rows(all_tables["rivals"])
    assert [(row["against"], row["split"]) for row in told[:4]] == [
        *(("the untrained base", split) for split in ("select", "test")),
        *(("the paper's setting (trial 0)", split) for split in ("select", "test")),
    ]
    assert len({(row["against"], row["split"]) for row in told}) == len(told) == 2 * len(data.finished)
    for row in told:
        assert row["difference"] == pytest.approx(row["the winner"] - row["it"])
        assert row["the winner is"] == "undecided" or not row["low"] <= 0 <= row["high"]


def test_sub_exams_have_both_names_and_agree_with_the_marks(
    data: StudyData, all_tables: dict[str, Table]
) -> None:
    told = rows(all_tables["sub-exams-base-test"])
    assert [row["key"] for row in told] == [sub.key for sub in SUB_EXAMS]
    assert (told[2]["exam type"], told[2]["sub-exam"]) == ("医师考试", "执业医师")
    marks = data.marks["test"]
    right_Q = marks.of(data.trial(data.best[0]))
    assert right_Q is not None
    here_Q = marks.sub_exam_Q == 2
    assert told[2]["the winner"] == pytest.approx(100 * right_Q[here_Q].mean())
    every = rows(all_tables["sub-exams-all-test"])
    assert every[2][f"trial {data.best[0]}"] == pytest.approx(told[2]["the winner"])
    assert every[2]["untrained"] == pytest.approx(told[2]["the untrained base"])


def test_truncation_sums_datasets_and_shows_the_score(data: StudyData, all_tables: dict[str, Table]) -> None:
    told = rows(all_tables["truncation"])
    whole = [row for row in told if row["dataset"] == "all datasets"]
    assert [row["cut-off, tokens"] for row in whole] == [256, 512, 1024]
    removed = [row["tokens removed, %"] for row in whole]
    assert removed == sorted(removed, reverse=True)
    for row in whole:
        having = [one for one in data.finished if one.params["cutoff"] == row["cut-off, tokens"]]
        assert row["trials"] == len(having)
        assert row["best score"] == max(one.score or 0 for one in having)
        costs = [cost for one in having if one.run for cost in one.run.result.truncation.values()]
        share = 100 * sum(cost["options"] for cost in costs) / sum(cost["records"] for cost in costs)
        assert row["lose options, %"] == pytest.approx(share)


def test_published_totals_are_those_of_the_counted_row() -> None:
    assert len(published.TABLE_2) == 12 and all(len(one.columns) == 6 for one in published.TABLE_2)
    whole = [one for one in published.TABLE_2 if one.level == published.EXAM_TYPES]
    (counted,) = whole
    assert counted.correct is not None
    assert round(100 * counted.correct / published.QUESTIONS, 2) == counted.total
    for one in published.TABLE_2:  # what gives the two levels away
        quarters = all(cell * 4 == int(cell * 4) for cell in one.columns)
        assert quarters == (one.level == published.SUB_EXAM)


def test_table_2_compares_totals_alone_and_says_so(data: StudyData, all_tables: dict[str, Table]) -> None:
    table = all_tables["table2"]
    told = rows(table)
    assert not set(published.COLUMNS) & {column.name for column in table.columns}
    assert [row["total"] for row in told] == sorted((row["total"] for row in told), reverse=True)
    ours = {row["model"]: row["total"] for row in told if row["source"] == "this study"}
    scores = data.trial(data.best[0]).scores("test")
    assert scores and ours[f"winner (trial {data.best[0]})"] == pytest.approx(scores.total)
    assert {"the paper's setting (trial 0)", "untrained base (internlm2_5_7b)"} < set(ours)
    assert published.WARNING in table.notes
    assert any("280 test questions" in note for note in table.notes)


@pytest.mark.parametrize(
    ("data_root", "exam_root", "said"),
    [("sample", None, True), ("sample", "/cmb", False), ("/data", None, False), ("/data", "sample", True)],
)
def test_invented_questions_are_named(
    data: StudyData, analysis: Analysis, data_root: str, exam_root: str | None, said: bool
) -> None:
    settings = {**run_of(data).settings, "data": {"root": data_root}, "exam": {"root": exam_root}}
    told = tables(with_runs(data, settings=settings), analysis)
    assert (INVENTED in told["table2"].notes) == (INVENTED in told["provenance"].notes) == said


def test_provenance_names_contents_and_splits(data: StudyData, all_tables: dict[str, Table]) -> None:
    table = all_tables["provenance"]
    told = {(row["about"], row["what"]): row["value"] for row in rows(table)}
    assert told["exam", "questions of test"] == "280"
    assert told["model", "content"] == "m" * 64
    assert told["software", "commit"] == "0" * 40
    assert "torch 2.13.0" in told["software", "packages"]
    assert "16 finished" in told["study", "trials"] and told["study", "left out of this report"] == "1"
    assert any("held out of CMB-train" in note and "never optimised" in note for note in table.notes)
    assert rows(all_tables["left-out"]) == [
        {"trial": 3, "what": "made/trial-3b", "why": "result.json is damaged"}
    ]


def test_provenance_tells_where_runs_differ_and_hides_passwords(data: StudyData) -> None:
    first, *others = data.trials
    manifest = {**run_of(data).manifest, "device": "cuda"}
    changed = dataclasses.replace(first, runs=(dataclasses.replace(first.runs[0], manifest=manifest),))
    record = {**data.record, "command": "run study.storage=postgresql://me:hush-hush@host/db"}
    other = dataclasses.replace(data, trials=(changed, *others), record=record)
    told = {row["what"]: row["value"] for row in rows(tables(other, NOTHING)["provenance"])}
    assert told["device"] == "cpu (17 of 18 runs) | cuda (1 of 18 runs)"
    assert "hush" not in told["command"] and "postgresql://me" in told["command"]


def test_screened_counts_are_shown_where_a_manifest_has_them(data: StudyData) -> None:
    screened = {"headqa": {"read": 2657, "set_aside": {"hangs on a picture": 68}}}
    manifest = {**run_of(data).manifest, "screened": screened}
    told = {
        row["dataset"]: row for row in rows(tables(with_runs(data, manifest=manifest), NOTHING)["datasets"])
    }
    assert (told["headqa"]["read"], told["headqa"]["set aside"]) == (2657, "68 hangs on a picture")
    assert told["cmb"]["read"] is None and told["cmb"]["may be drawn"] == 1000


@pytest.mark.parametrize("count", [0, 1])
def test_studies_with_hardly_a_trial(count: int) -> None:
    data = made(count, states=False)
    told = tables(data, found(data))
    assert ("trials" in told, "table2" in told, "provenance" in told) == (bool(count), bool(count), True)
