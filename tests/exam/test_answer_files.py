"""Answer files in every form they come in, and what is refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest
from exam_helpers import ANSWERS, make_question

from csft.errors import DataError, ExamError
from csft.exam import read_answer_file, score, write_submission

QUESTIONS = [make_question(number, ANSWERS[number % 12], "ABCDEF") for number in range(1, 13)]
RIGHT = {question.id or 0: question.answer for question in QUESTIONS}
ROWS = [{"id": number, "model_answer": letters} for number, letters in RIGHT.items()]

Rows = list[Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.json"


def lines(rows: Rows) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def predictions() -> Rows:
    extra = {"sub_exam": "x", "key": "A", "correct": True, "logprobs": {"A": -0.5}, "text": "答案是A。"}
    return [{"id": number, "letters": letters, **extra} for number, letters in RIGHT.items()]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=4).replace("\n", "\r\n"),
        "\ufeff" + json.dumps(ROWS),
        json.dumps([{**row, "id": str(row["id"])} for row in reversed(ROWS)]),
        json.dumps([{**row, "answer_0": "无", "question": "问", "option": {}} for row in ROWS]),
        lines(ROWS),
        "\ufeff" + lines(ROWS).replace("\n", "\r\n"),
        lines(predictions()),
    ],
    ids=["array", "crlf", "bom", "text ids", "runner", "lines", "lines bom crlf", "predictions"],
)
def test_every_form_says_the_same(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
    assert read_answer_file(path, QUESTIONS) == RIGHT


def test_texts_of_the_runner_are_read_and_vote(path: Path) -> None:
    """Samples are taken in the order of their numbers; the kind of question comes from the key."""
    rows: Rows = [{"id": number, "answer_0": f"答案是{letters}。"} for number, letters in RIGHT.items()]
    rows[0] = {"id": 1, "answer_0": "不知道", "answer_10": "A", "answer_2": "答案是B。", "answer_1": "选B，C"}
    rows[1] = {"id": 2, "answer_0": "拒绝回答"}
    path.write_text(lines(rows), encoding="utf-8")
    assert [question.single for question in QUESTIONS[:2]] == [False, True]
    found = read_answer_file(path, QUESTIONS)
    assert found == RIGHT | {1: "BC", 2: ""}  # one vote each for BC, B and A: the earliest wins


def test_answers_are_not_altered_but_strange_ones_are_told(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    strange = {1: "Ａ", 2: "c", 3: " ", 4: "A,B"}
    sheet = RIGHT | strange | {5: "", 6: "FEDCBA"}
    write_submission(path, sheet)
    assert read_answer_file(path, QUESTIONS) == sheet
    assert "4 of 12 answers are not made of the letters A to G" in capsys.readouterr().out
    scores = score(sheet, QUESTIONS)
    assert (scores.figures["total"].correct, scores.unparsed) == (6, 1)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda rows: rows[2:], "2 questions have no answer: ids 1, 2"),
        (lambda rows: [], "12 questions have no answer"),
        (lambda rows: [*rows, rows[4], rows[6]], "2 ids occur more than once: 5, 7"),
        (lambda rows: [*rows, {"id": 77, "model_answer": "A"}], "1 answers have no question: ids 77"),
        (lambda rows: [rows[0], "B", *rows[2:]], r"1 rows are no objects: .*answers.json: row 2"),
        (lambda rows: [{"model_answer": "A"}, *rows[1:]], r"1 rows have no whole number as id: .*: row 1"),
        (lambda rows: [{"id": 1.5, "model_answer": "A"}, *rows[1:]], "whole number as id: .*: row 1"),
        (lambda rows: [*rows[:-1], {"id": 12}], r"1 rows have no answer .*: row 12"),
        (lambda rows: [*rows[:-1], {"id": 12, "model_answer": None}], r"1 rows have no answer .*: row 12"),
        (lambda rows: [*rows[:-1], {"id": 12, "model_answer": ["A"]}], r"1 rows have no answer .*: row 12"),
        (lambda rows: [*rows[:-1], {"id": 12, "answer_0": None}], r"1 rows have no answer .*: row 12"),
    ],
)
def test_what_does_not_fit_is_named(path: Path, change: Any, message: str) -> None:
    path.write_text(json.dumps(change(ROWS)), encoding="utf-8")
    with pytest.raises(ExamError, match=message):
        read_answer_file(path, QUESTIONS)


@pytest.mark.parametrize(
    "content, message",
    [
        (json.dumps(ROWS, indent=1).encode()[:-40], r"answers\.json.*line \d+"),
        (lines(ROWS).encode()[:-9], r"no whole answer file: 1 not JSON \(.*answers.json:12\)"),
        (b'[{"id": 1, "model_answer": "\xff"}]', "1 not valid UTF-8 .*row 1"),
        (b"\xff\xfe[\x00", "UTF-16"),
    ],
)
def test_what_is_no_whole_json_is_named_with_its_place(path: Path, content: bytes, message: str) -> None:
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_answer_file(path, QUESTIONS)


def test_a_file_that_is_not_there(path: Path) -> None:
    with pytest.raises(DataError, match=r"answers\.json cannot be read: No such file"):
        read_answer_file(path, QUESTIONS)


def test_a_submission_has_the_official_form_and_the_same_score(path: Path, shared: Path) -> None:
    key = json.loads((shared / "samples/cmb/CMB-test-choice-answer.json").read_text(encoding="utf-8"))
    sheet = {row["id"]: row["answer"] if row["id"] % 3 else "D" for row in reversed(key)}
    write_submission(path, sheet)
    stored = json.loads(path.read_text(encoding="utf-8"))
    assert [row["id"] for row in stored] == list(range(1, 11201))
    assert all(set(row) == {"id", "model_answer"} for row in stored)
    again = read_answer_file(path, key)
    assert again == sheet
    assert score(again, key) == score(sheet, key)


def test_a_submission_is_written_whole_or_not_at_all(path: Path) -> None:
    write_submission(path, RIGHT)
    with pytest.raises(TypeError):
        write_submission(path, {1: "A", 2: object()})  # type: ignore[dict-item]
    assert read_answer_file(path, QUESTIONS) == RIGHT
    assert [found.name for found in path.parent.iterdir()] == [path.name]
