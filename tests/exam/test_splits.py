"""Published layouts that load, and the ways in which a key does not fit its questions."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from csft.errors import DataError, ExamError, SettingError
from csft.exam import content_hash, load_split
from csft.rejects import Rejects

QUESTIONS, KEY = "CMB-test-choice-question-merge.json", "CMB-test-choice-answer.json"
Rows = list[dict[str, Any]]


def rows(count: int = 30) -> tuple[Rows, Rows]:
    """Test questions and their key."""
    head = {
        "exam_type": "医技考试",
        "exam_class": "医技士",
        "exam_subject": "x",
        "question_type": "单项选择题",
    }
    option = {"B": "乙", "A": "甲", "C": ""}
    key = [{"id": number, **head, "answer": "AB"[number % 2]} for number in range(1, count + 1)]
    return [{"id": one["id"], **head, "question": f"问{one['id']}", "option": option} for one in key], key


def write(folder: Path, questions: object, key: object | None = None, key_folder: Path | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / QUESTIONS).write_text(json.dumps(questions), encoding="utf-8")
    if key is not None:
        (key_folder or folder).mkdir(parents=True, exist_ok=True)
        ((key_folder or folder) / KEY).write_text(json.dumps(key), encoding="utf-8")
    return folder


def test_real_questions_in_a_flat_folder(shared: Path) -> None:
    rejects = Rejects()
    questions = load_split(shared / "samples/cnmleqa", "test", rejects)
    assert len(questions) == 1500
    assert rejects.total == 0
    assert [question.id for question in questions] == list(range(1, 1501))
    assert [question.answer for question in questions[:2]] == ["D", "E"]
    assert len(content_hash(questions)) == 64
    assert content_hash(questions) != content_hash(questions[::-1])


def test_real_validation_row_gets_a_number(shared: Path) -> None:
    (question,) = load_split(shared / "samples/cmb", "val", Rejects())
    assert (question.id, question.answer) == (1, "BCDE")
    assert question.explanation


def test_a_missing_split_names_the_files_looked_for(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)test questions .*CMB-Exam/CMB-test/CMB-test-choice-question"):
        load_split(shared / "samples/cmb", "test", Rejects())
    with pytest.raises(DataError, match=r"(?s)CMB-val-merge\.json.*FreedomIntelligence/CMB"):
        load_split(tmp_path, "val", Rejects())
    with pytest.raises(SettingError, match="val or test"):
        load_split(tmp_path, "train", Rejects())


@pytest.mark.parametrize("key_place", ["", "data", "CMB-Exam", "CMB-Exam/CMB-test"])
@pytest.mark.parametrize("place", ["CMB-Exam/CMB-test", "CMB-Exam", "CMB-test", ""])
def test_every_layout(place: str, key_place: str, tmp_path: Path) -> None:
    questions, key = rows()
    write(tmp_path / place, questions, key, tmp_path / key_place)
    assert len(load_split(tmp_path, "test", Rejects())) == 30


def test_answers_inside_the_questions_need_no_key(tmp_path: Path) -> None:
    questions, key = rows(3)
    write(tmp_path, [{**one, "answer": entry["answer"]} for one, entry in zip(questions, key, strict=True)])
    assert [question.answer for question in load_split(tmp_path, "test", Rejects())] == ["B", "A", "B"]
    write(tmp_path, questions)
    with pytest.raises(DataError, match="key of the test questions"):
        load_split(tmp_path, "test", Rejects())


def test_the_key_may_come_in_any_order(tmp_path: Path) -> None:
    questions, key = rows()
    write(tmp_path, questions, key[::-1])
    loaded = load_split(tmp_path, "test", Rejects())
    assert [question.answer for question in loaded] == [entry["answer"] for entry in key]


def test_missing_extra_and_doubled_ids_are_named(tmp_path: Path) -> None:
    questions, key = rows()
    write(tmp_path, questions, key[12:])
    with pytest.raises(
        ExamError, match="12 questions have no key: ids 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more"
    ):
        load_split(tmp_path, "test", Rejects())
    write(tmp_path, questions[:-1], key)
    with pytest.raises(ExamError, match="1 key rows have no question: ids 30"):
        load_split(tmp_path, "test", Rejects())
    write(tmp_path, questions, [*key, key[6]])
    with pytest.raises(ExamError, match=r"answer\.json: 1 ids occur more than once: 7"):
        load_split(tmp_path, "test", Rejects())
    write(tmp_path, [*questions, questions[0]], key)
    with pytest.raises(ExamError, match=r"merge\.json: 1 ids occur more than once: 1"):
        load_split(tmp_path, "test", Rejects())


def test_a_key_of_another_version_is_refused(tmp_path: Path) -> None:
    questions, key = rows()
    key[4]["exam_class"] = "医技师"
    write(tmp_path, questions, key)
    with pytest.raises(ExamError, match="another version of the exam: ids 5"):
        load_split(tmp_path, "test", Rejects())


def test_train_rows_under_the_test_files_name(shared: Path, tmp_path: Path) -> None:
    source = shared / "samples/cmb/CMB-Exam/CMB-train/CMB-train-merge.json"
    shutil.copy(source, tmp_path / QUESTIONS)
    with pytest.raises(ExamError, match="carry no id"):
        load_split(tmp_path, "test", Rejects())


def test_bad_questions_are_counted_and_the_rest_is_asked(tmp_path: Path) -> None:
    questions, key = rows(6)
    questions[0]["option"] = {}
    key[1]["answer"] = "C"  # a blank option
    key[2]["answer"] = ""
    questions[3]["exam_class"] = key[3]["exam_class"] = "执业兽医"
    write(tmp_path, questions, key)
    rejects = Rejects()
    assert [question.id for question in load_split(tmp_path, "test", rejects)] == [5, 6]
    assert rejects.counts == {
        "no option": 1,
        "answer not among the options": 1,
        "no answer": 1,
        "unknown exam type or sub-exam": 1,
    }
    assert "id 4" in rejects.examples["unknown exam type or sub-exam"][0]


def test_nothing_left_to_ask(tmp_path: Path) -> None:
    questions, key = rows(2)
    write(tmp_path, [{**one, "option": None} for one in questions], key)
    with pytest.raises(ExamError, match=r"no question that can be asked .2 set aside: 2 no option"):
        load_split(tmp_path, "test", Rejects())


def test_the_catalogues_spelling_is_accepted_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions, key = rows(2)
    names = {"exam_type": "专业知识考试", "exam_class": "中医学和中药学"}
    usual = {**names, "exam_class": "中医学与中药学"}
    write(tmp_path, [{**one, **names} for one in questions], [{**one, **usual} for one in key])
    loaded = load_split(tmp_path, "test", Rejects())
    assert {question.sub_exam.key for question in loaded if question.sub_exam} == {"knowledge/tcm"}
    assert "2 questions spell the sub-exam 中医学与中药学 as 中医学和中药学" in capsys.readouterr().out
