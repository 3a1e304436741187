"""Exam files with bad questions, and files that are no exam at all: named, counted, and nothing crashes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from csft.errors import ExamError
from csft.exam import load_split, score
from csft.rejects import Rejects

FILES = {"val": "CMB-val-merge.json", "test": "CMB-test-choice-question-merge.json"}
KEY = "CMB-test-choice-answer.json"
GOOD: dict[str, Any] = {
    "exam_type": "专业知识考试",
    "exam_class": "中医学与中药学",
    "exam_subject": "中药学",
    "question_type": "单项选择题",
    "question": "性温的是",
    "option": {"A": "麻黄", "B": "石膏", "C": ""},
    "answer": "A",
    "explanation": "麻黄辛温。",
}

BAD: list[tuple[str, dict[str, Any]]] = [
    ("no option", {"option": {}}),
    ("no option", {"option": None}),
    ("no option", {"option": {"A": "", "B": " ", "C": None}}),
    ("no option", {"option": ["麻黄", "石膏"]}),
    ("no option", {"option": "[1, 2]"}),
    ("option is not readable", {"option": "A. 麻黄 B. 石膏"}),
    ("option is not readable", {"option": "__import__('os').abort()"}),
    ("option key is not a letter", {"option": {"1": "麻黄"}}),
    ("option letter twice", {"option": {"A": "麻黄", " A": "石膏"}}),
    ("option text of a wrong type", {"option": {"A": ["麻黄"], "B": "石膏"}}),
    ("answer not among the options", {"answer": "D"}),
    ("answer not among the options", {"answer": "C"}),  # its text is blank
    ("answer not among the options", {"answer": "a"}),
    ("answer not among the options", {"answer": "因为性温"}),  # an explanation in the answer's place
    ("answer repeats a letter", {"answer": "AA", "question_type": "多项选择题"}),
    ("several answers to a single choice", {"answer": "AB"}),
    ("no answer", {"answer": ""}),
    ("no answer", {"answer": None}),
    ("answer of a wrong type", {"answer": ["A"]}),
    ("no question", {"question": " "}),
    ("question of a wrong type", {"question": 5}),
    ("unknown question_type", {"question_type": "判断题"}),
    ("not valid Unicode", {"question": "\ud800"}),
    ("unknown exam type or sub-exam", {"exam_type": "兽医考试"}),
    ("unknown exam type or sub-exam", {"exam_class": "中医学"}),
    ("unknown exam type or sub-exam", {"exam_type": "医师考试"}),  # a sub-exam of another exam type
]


def put(root: Path, split: str, rows: list[Any]) -> None:
    """A split as its files: validation rows without ids, test questions and their key apart."""
    if split == "test":
        numbered = [{"id": number, **row} for number, row in enumerate(rows, start=1)]
        key = [{name: row[name] for name in row if name not in ("question", "option")} for row in numbered]
        (root / KEY).write_text(json.dumps(key), encoding="utf-8")
        rows = [
            {name: row[name] for name in row if name not in ("answer", "explanation")} for row in numbered
        ]
    (root / FILES[split]).write_text(json.dumps(rows), encoding="utf-8")


@pytest.mark.parametrize("split", FILES)
@pytest.mark.parametrize(("reason", "change"), BAD)
def test_a_bad_question_is_counted_and_the_others_are_asked(
    split: str, reason: str, change: dict[str, Any], tmp_path: Path
) -> None:
    put(tmp_path, split, [GOOD, {**GOOD, **change}, GOOD])
    rejects = Rejects()
    questions = load_split(tmp_path, split, rejects)
    assert [question.id for question in questions] == [1, 3]
    assert rejects.counts == {reason: 1}
    (place,) = rejects.examples[reason]
    assert FILES[split] in place
    assert "row 2" in place or "id 2" in place
    assert score({1: "A", 3: "B"}, questions).total == 50


@pytest.mark.parametrize("split", FILES)
def test_bad_questions_of_every_kind_are_counted_by_reason(split: str, tmp_path: Path) -> None:
    put(tmp_path, split, [GOOD, *({**GOOD, **change} for _, change in BAD)])
    rejects = Rejects()
    assert len(load_split(tmp_path, split, rejects)) == 1
    assert rejects.total == len(BAD)
    for reason in {reason for reason, _ in BAD}:
        assert rejects.counts[reason] == sum(reason == one for one, _ in BAD)
        assert f"{rejects.counts[reason]} {reason}" in str(rejects)


def test_rows_that_are_no_objects(tmp_path: Path) -> None:
    (tmp_path / FILES["val"]).write_text(json.dumps([GOOD, 5, None, [GOOD]]), encoding="utf-8")
    rejects = Rejects()
    assert len(load_split(tmp_path, "val", rejects)) == 1
    assert rejects.counts == {"not an object": 3}
    put(tmp_path, "test", [GOOD, GOOD])
    rows = [*json.loads((tmp_path / FILES["test"]).read_text(encoding="utf-8")), "x"]
    (tmp_path / FILES["test"]).write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(ExamError, match=r"1 of 3 rows carry no id \(rows 3\)"):
        load_split(tmp_path, "test", Rejects())


@pytest.mark.parametrize("split", FILES)
def test_nothing_left_to_ask(split: str, tmp_path: Path) -> None:
    put(tmp_path, split, [{**GOOD, "option": None}, {**GOOD, "exam_class": "x"}])
    with pytest.raises(
        ExamError, match=r"no question that can be asked .2 set aside: 1 no option, 1 unknown"
    ):
        load_split(tmp_path, split, Rejects())
    (tmp_path / FILES[split]).write_text("[]", encoding="utf-8")
    (tmp_path / KEY).write_text("[]", encoding="utf-8")
    with pytest.raises(ExamError, match=rf"{FILES[split]} holds no question that can be asked"):
        load_split(tmp_path, split, Rejects())


@pytest.mark.parametrize("split", FILES)
def test_the_catalogues_spelling_is_accepted_and_told(
    split: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(tmp_path, split, [GOOD, *[{**GOOD, "exam_class": "中医学和中药学"}] * 2])
    rejects = Rejects()
    loaded = load_split(tmp_path, split, rejects)
    assert [question.sub_exam.key for question in loaded if question.sub_exam] == ["knowledge/tcm"] * 3
    assert rejects.total == 0
    assert "2 questions spell the sub-exam 中医学与中药学 as 中医学和中药学" in capsys.readouterr().out


def test_a_key_may_spell_a_sub_exam_in_the_other_way(tmp_path: Path) -> None:
    put(tmp_path, "test", [GOOD])
    key = json.loads((tmp_path / KEY).read_text(encoding="utf-8"))
    (tmp_path / KEY).write_text(json.dumps([{**key[0], "exam_class": "中医学和中药学"}]), encoding="utf-8")
    assert len(load_split(tmp_path, "test", Rejects())) == 1


@pytest.mark.parametrize("split", FILES)
def test_the_train_split_under_an_exams_name(split: str, shared: Path, tmp_path: Path) -> None:
    shutil.copy(shared / "samples/cmb/CMB-Exam/CMB-train/CMB-train-merge.json", tmp_path / FILES[split])
    said = (
        rf"{FILES[split]}: none of its 1 rows carries an .* probably CMB-train-merge\.json under another name"
    )
    with pytest.raises(ExamError, match=said):
        load_split(tmp_path, split, Rejects())


@pytest.mark.parametrize("explanation", ["", None, "absent"])
def test_rows_without_a_single_explanation_are_no_validation_split(
    explanation: str | None, tmp_path: Path
) -> None:
    bare = {name: value for name, value in GOOD.items() if name != "explanation"}
    row = bare if explanation == "absent" else {**bare, "explanation": explanation}
    put(tmp_path, "val", [row] * 3)
    with pytest.raises(ExamError, match="none of its 3 rows carries an explanation"):
        load_split(tmp_path, "val", Rejects())
    put(tmp_path, "val", [row, GOOD, row])
    assert len(load_split(tmp_path, "val", Rejects())) == 3


@pytest.mark.parametrize("number", ["x", 1.5, True, [1], "9" * 5000])
@pytest.mark.parametrize("split", FILES)
def test_an_id_that_is_no_number_is_named(number: object, split: str, tmp_path: Path) -> None:
    put(tmp_path, split, [{**GOOD, "id": 1}, {**GOOD, "id": number}])
    with pytest.raises(ExamError, match=r"\.json: an id is not a "):
        load_split(tmp_path, split, Rejects())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
CHANGES = st.dictionaries(st.sampled_from([*GOOD, "id"]), JSON, max_size=3)


@pytest.mark.parametrize("split", FILES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, key_changes=CHANGES)
@example(changes={"option": {"A": float("nan")}}, key_changes={})
@example(changes={"exam_type": ["\udfff"]}, key_changes={"exam_class": {}})
def test_any_value_in_any_field(
    split: str, changes: dict[str, Any], key_changes: dict[str, Any], tmp_path: Path
) -> None:
    put(tmp_path, split, [GOOD, {**GOOD, **changes}])
    if split == "test":
        key = json.loads((tmp_path / KEY).read_text(encoding="utf-8"))
        (tmp_path / KEY).write_text(json.dumps([key[0], {**key[1], **key_changes}]), encoding="utf-8")
    rejects = Rejects()
    try:
        questions = load_split(tmp_path, split, rejects)
    except ExamError as refusal:
        assert ".json" in str(refusal)
    else:
        assert len(questions) + rejects.total == 2
