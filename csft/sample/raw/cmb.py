"""The miniature CMB: training and validation questions, test questions without answers, and their key."""

from pathlib import Path
from typing import Any

from csft.sample import plan
from csft.sample.plan import ExamRow
from csft.sample.raw.files import json_bytes, write_bytes


def write_cmb(folder: Path) -> None:
    """All 28 sub-exams in CMB's folders.

    Planted in training: three malformed rows, an option without text, an option object in string form (as the
    hub serves it), three exact doubles, and two questions that leak a stem of the test split.
    """
    exam = folder / "CMB-Exam"
    test = plan.cmb_exam("test", plan.TEST_PER_SUB_EXAM)
    val = plan.cmb_exam("val", plan.VAL_PER_SUB_EXAM)
    train = _with_quirks([_row(row) for row in plan.cmb_train()], test)
    write_bytes(exam / "CMB-train" / "CMB-train-merge.json", json_bytes(train))
    explained = [_row(row) | {"explanation": row.explanation} for row in val]
    write_bytes(exam / "CMB-val" / "CMB-val-merge.json", json_bytes(explained))
    questions = [{"id": number} | _row(row) for number, row in enumerate(test, start=1)]
    for question in questions:
        del question["answer"]
    write_bytes(exam / "CMB-test" / "CMB-test-choice-question-merge.json", json_bytes(questions))
    write_bytes(folder / "CMB-test-choice-answer.json", _key(test))


def _row(row: ExamRow) -> dict[str, Any]:
    return {
        "exam_type": row.exam_type,
        "exam_class": row.exam_class,
        "exam_subject": row.exam_subject,
        "question": row.choice.stem,
        "answer": row.choice.answer,
        "question_type": row.choice.question_type,
        "option": dict(row.choice.options),
    }


def _with_quirks(rows: list[dict[str, Any]], test: list[ExamRow]) -> list[dict[str, Any]]:
    rows[3]["option"]["F"] = ""
    rows[4]["option"]["F"] = " "
    rows[5]["option"] = str(rows[5]["option"])
    leaks = [_row(test[100]), _row(test[300]) | {"question": f"真题回顾：{test[300].choice.stem}"}]
    malformed: list[dict[str, Any]] = [
        rows[6] | {"option": {}},
        rows[7] | {"answer": "G"},
        {key: value for key, value in rows[8].items() if key != "question"},
    ]
    return rows + [dict(rows[number]) for number in (40, 80, 120)] + leaks + malformed


def _key(test: list[ExamRow]) -> bytes:
    rows = [
        {
            "id": number,
            "exam_type": row.exam_type,
            "exam_class": row.exam_class,
            "exam_subject": row.exam_subject,
            "question_type": row.choice.question_type,
            "answer": row.choice.answer,
        }
        for number, row in enumerate(test, start=1)
    ]
    return json_bytes(rows).replace(b"\n", b"\r\n")
