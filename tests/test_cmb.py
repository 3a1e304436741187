"""CMB's files: hierarchy, odd layouts that are read, and rows that are set aside by reason."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csft.cmb import EXAM_TYPES, SUB_EXAMS, Question, RowError, as_question, find_sub_exam, read_questions
from csft.errors import DataError
from csft.rejects import Rejects

ROW: dict[str, Any] = {
    "exam_type": "医师考试",
    "exam_class": "执业医师",
    "exam_subject": "口腔执业医师",
    "question": "此男孩可能患",
    "answer": "D",
    "question_type": "单项选择题",
    "option": {"A": "肺炎", "B": "肺结核", "C": "哮喘", "D": "支气管炎"},
}


def read(path: Path, rows: object, **settings: bool) -> tuple[list[Question], Rejects]:
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    rejects = Rejects()
    return list(read_questions(path, rejects, **settings)), rejects


def test_the_hierarchy_is_cmbs_own(shared: Path) -> None:
    path = shared / "samples/cmb/CMB-Exam/CMB-test/CMB-test-choice-hierarchy.json"
    published = json.loads(path.read_text(encoding="utf-8"))
    del published["总题量"]
    ours: dict[str, dict[str, int]] = {}
    for sub_exam in SUB_EXAMS:
        ours.setdefault(sub_exam.exam_type, {})[sub_exam.exam_class] = 400
    assert ours == published
    assert list(EXAM_TYPES) == list(published)


def test_keys_are_unique_and_named_as_documented() -> None:
    assert len({sub_exam.key for sub_exam in SUB_EXAMS}) == 28
    assert list(EXAM_TYPES.values()) == [
        "physician", "nursing", "pharmacist", "technician", "knowledge", "postgraduate",
    ]  # fmt: skip
    found = find_sub_exam("医师考试", "执业医师")
    assert found and found.key == "physician/licensed_physician"


def test_the_catalogues_spelling_means_the_same_sub_exam() -> None:
    other = find_sub_exam("专业知识考试", "中医学和中药学")
    assert other is not None and other == find_sub_exam("专业知识考试", "中医学与中药学")
    assert find_sub_exam("医师考试", "护士执业资格") is None


def test_real_train_and_validation_rows(shared: Path) -> None:
    rejects = Rejects()
    folder = shared / "samples/cmb/CMB-Exam"
    (train,) = read_questions(folder / "CMB-train/CMB-train-merge.json", rejects)
    assert (train.id, train.answer, train.explanation) == (None, "D", "")
    assert list(train.options) == list("ABCDE")
    assert train.sub_exam is not None and train.sub_exam.key == "physician/licensed_physician"
    (val,) = read_questions(folder / "CMB-val/CMB-val-merge.json", rejects)
    assert (val.answer, val.single) == ("BCDE", False)
    assert val.explanation.startswith("肝主疏泄的表现")
    assert rejects.total == 0


def test_option_as_the_string_of_a_python_dict(tmp_path: Path) -> None:
    text = "{'D': '支气管炎', 'A': \"it's\", 'B': '肺\\n结核', 'C': '', 'E': None, 'F': 7}"
    (question,), rejects = read(tmp_path / "t.json", [{**ROW, "option": text}])
    expected = {"A": "it's", "B": "肺\n结核", "C": "", "D": "支气管炎", "E": "", "F": "7"}
    assert question.options == expected
    assert list(question.options) == list("ABCDEF")
    assert list(question.offered) == list("ABDF")
    assert rejects.total == 0


def test_an_option_string_is_never_evaluated(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    text = f"{{'A': open({str(trap)!r}, 'w').name, 'D': 'x'}}"
    questions, rejects = read(tmp_path / "t.json", [{**ROW, "option": text}])
    assert not trap.exists()
    assert (questions, rejects.counts) == ([], {"option is not readable": 1})


def test_crlf_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    text = json.dumps([ROW], ensure_ascii=False, indent=4).replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert [question.answer for question in read_questions(path, Rejects())] == ["D"]


def test_unusual_rows_survive(tmp_path: Path) -> None:
    rows = [
        {**ROW, "exam_type": "兽医考试", "exam_class": "执业兽医"},
        {**ROW, "option": {"D": "7", "C": " ", "B": "是", "A": ""}},
        {**ROW, "question_type": "多项选择题", "answer": "DB"},
        {**ROW, "question_type": "多项选择题", "answer": "C"},
        {key: value for key, value in ROW.items() if key != "answer"},
    ]
    questions, rejects = read(tmp_path / "t.json", rows)
    assert rejects.total == 0
    assert [question.answer for question in questions] == ["D", "D", "DB", "C", ""]
    assert questions[0].sub_exam is None


BAD = [
    ("not an object", ["D"]),
    ("not an object", None),
    ("no option", {**ROW, "option": {}}),
    ("no option", {**ROW, "option": None}),
    ("no option", {**ROW, "option": {"A": " ", "B": ""}}),
    ("no option", {**ROW, "option": "['A', 'B']"}),
    ("option is not readable", {**ROW, "option": "{'A': '甲'"}),
    ("option is not readable", {**ROW, "option": "(" * 10_000}),
    ("option key is not a letter", {**ROW, "option": {"1": "甲"}}),
    ("option key is not a letter", {**ROW, "option": {"AB": "甲"}}),
    ("option letter twice", {**ROW, "option": {"A": "甲", " A": "乙", "D": "丙"}}),
    ("option text of a wrong type", {**ROW, "option": {"A": ["甲"], "D": "乙"}}),
    ("answer not among the options", {**ROW, "answer": "E"}),
    ("answer not among the options", {**ROW, "answer": "d"}),
    ("answer not among the options", {**ROW, "option": {**ROW["option"], "D": " "}}),
    ("answer repeats a letter", {**ROW, "answer": "DD"}),
    ("several answers to a single choice", {**ROW, "answer": "AD"}),
    ("unknown question_type", {**ROW, "question_type": "问答题"}),
    ("no question", {**ROW, "question": "  "}),
    ("no exam_class", {key: value for key, value in ROW.items() if key != "exam_class"}),
    ("question of a wrong type", {**ROW, "question": 5}),
    ("answer of a wrong type", {**ROW, "answer": ["D"]}),
    ("id is not a whole number", {**ROW, "id": "x1"}),
    ("id is not a whole number", {**ROW, "id": True}),
    ("id is not a whole number", {**ROW, "id": 1.5}),
    ("not valid Unicode", {**ROW, "question": "\ud800"}),
    ("not valid Unicode", {**ROW, "option": {**ROW["option"], "A": "\udfff"}}),
]


@pytest.mark.parametrize(("reason", "row"), BAD)
def test_a_bad_row_is_set_aside_and_nothing_else(reason: str, row: object, tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps([ROW, row, ROW]), encoding="utf-8")
    rejects = Rejects()
    questions = list(read_questions(path, rejects))
    assert len(questions) == 2
    assert rejects.counts == {reason: 1}
    assert rejects.examples == {reason: [f"{tmp_path.name}/t.json: row 2"]}


def test_unanswered_rows_can_be_set_aside(tmp_path: Path) -> None:
    questions, rejects = read(tmp_path / "t.json", [{**ROW, "answer": ""}, ROW], need_answer=True)
    assert len(questions) == 1
    assert rejects.counts == {"no answer": 1}


def test_bytes_that_are_not_utf8_cost_their_own_row(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    text = json.dumps([ROW, {**ROW, "question": "@@"}, ROW], ensure_ascii=False).encode()
    path.write_bytes(text.replace(b"@@", b"\xff\xfe"))
    rejects = Rejects()
    assert len(list(read_questions(path, rejects))) == 2
    assert rejects.counts == {"not valid UTF-8": 1}


@pytest.mark.parametrize("content", [b"", b"[{", b'{"a": 1}', b"\x00\xff\x00", b"[" * 200_000, b"12"])
def test_a_file_that_is_no_array_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.json"):
        list(read_questions(path, Rejects()))
    with pytest.raises(DataError, match=r"absent\.json does not exist"):
        list(read_questions(tmp_path / "absent.json", Rejects()))
    with pytest.raises(DataError, match="cannot be read"):
        list(read_questions(tmp_path, Rejects()))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*ROW, "id", "explanation"]), JSON) | JSON)
def test_any_row_is_a_question_or_has_a_reason(row: Any) -> None:
    if isinstance(row, dict):
        row = {**ROW, **row}
    try:
        question = as_question(row)
    except RowError as reason:
        assert 0 < len(str(reason)) < 60
    else:
        assert set(question.answer) <= set(question.offered)
