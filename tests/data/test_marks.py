"""Where options and the statement of the answer begin."""

import pytest

from csft.data.marks import options_begin, statement_begins


@pytest.mark.parametrize(
    ("question", "options"),
    [
        ("题目\nA: 甲\nB: 乙\n", "A: 甲\nB: 乙\n"),
        ("A: 甲\nB: 乙\n", "A: 甲\nB: 乙\n"),
        ("题\nA: 甲\nD: 丁\n", "A: 甲\nD: 丁\n"),  # blank options have no line
        ("题\nA: 甲\n乙\nB: 丙\n续\n", "A: 甲\n乙\nB: 丙\n续\n"),
        ("X: 题干\nA: 甲\nB: 乙\n", "A: 甲\nB: 乙\n"),
        ("A: 甲\nB: 乙\n哪项？\nA: 丙\nB: 丁\n", "A: 丙\nB: 丁\n"),
        ("题\nA: 甲\r\nB: 乙\r\n", "A: 甲\r\nB: 乙\r\n"),
    ],
)
def test_options_are_the_rising_letters_at_the_end(question: str, options: str) -> None:
    begins = options_begin(question)
    assert begins is not None
    assert question[begins:] == options


@pytest.mark.parametrize(
    "text", ["", "\n", "题\nA: 甲\n", "题\nA: 甲\nB: 乙", "A：甲\nB：乙\n", "题 A: 甲 B: 乙\n"]
)
def test_other_text_has_no_options(text: str) -> None:
    assert options_begin(text) is None


@pytest.mark.parametrize(
    ("answer", "statement"),
    [
        ("答案是B。", "答案是B。"),
        ("因为甲。\n答案是ACD。", "答案是ACD。"),
        ("Because.\nThe answer is C .", "The answer is C ."),
        ("The answer is C .\n", "The answer is C .\n"),
        ("答案是A。\n答案是B。", "答案是B。"),
    ],
)
def test_the_statement_is_the_last_line(answer: str, statement: str) -> None:
    begins = statement_begins(answer)
    assert begins is not None
    assert answer[begins:] == statement


@pytest.mark.parametrize(
    "answer", ["", "多喝水。", "答案是B", "答案是B。因为甲。", "所以答案是B。", "答案是b。"]
)
def test_other_answers_have_no_statement(answer: str) -> None:
    assert statement_begins(answer) is None
