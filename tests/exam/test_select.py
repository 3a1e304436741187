"""The held-out split and the exam's order: stratified, seeded, independent of row order."""

import random
from collections import Counter

import pytest

from csft.cmb import SUB_EXAMS, Question, SubExam
from csft.errors import SettingError
from csft.exam import draw_select, exam_order


def question(sub_exam: SubExam, number: int, identity: int | None = None) -> Question:
    stem = f"{sub_exam.key} 第{number}题"
    options = {"A": "甲", "B": f"乙{number}"}
    return Question(
        identity, sub_exam.exam_type, sub_exam.exam_class, "x", "单项选择题", stem, options, "AB"[number % 2]
    )


def train(sizes: dict[int, int]) -> list[Question]:
    return [question(SUB_EXAMS[which], number) for which, size in sizes.items() for number in range(size)]


def counts(questions: list[Question]) -> Counter[str]:
    return Counter(one.sub_exam.key for one in questions if one.sub_exam)


def test_as_many_of_each_sub_exam_but_never_more_than_the_share() -> None:
    drawn = draw_select(train({0: 1000, 1: 400, 2: 399, 3: 8, 4: 3, 5: 1}))
    expected = {0: 100, 1: 100, 2: 99, 3: 2}
    assert counts(drawn) == {SUB_EXAMS[which].key: count for which, count in expected.items()}
    assert [one.id for one in drawn] == list(range(1, 302))


def test_seeded_and_independent_of_row_order() -> None:
    rows = train({0: 200, 9: 100})
    first = draw_select(rows, per_sub_exam=20)
    shuffled = rows.copy()
    random.Random(5).shuffle(shuffled)
    assert draw_select(iter(shuffled), per_sub_exam=20) == first
    other = draw_select(rows, per_sub_exam=20, seed=43)
    assert {one.question for one in other} != {one.question for one in first}


def test_another_sub_exam_changes_nothing() -> None:
    alone = draw_select(train({3: 100}))
    both = draw_select(train({3: 100, 7: 50}))
    key = SUB_EXAMS[3].key
    assert [one.question for one in both if one.sub_exam and one.sub_exam.key == key] == [
        one.question for one in alone
    ]


def test_repetitions_count_once_and_unusable_rows_are_not_drawn() -> None:
    rows = train({0: 4})
    assert len(draw_select(rows * 3)) == 1
    unknown = [
        Question(None, "兽医考试", "x", "x", "单项选择题", str(n), {"A": "甲"}, "A") for n in range(40)
    ]
    unanswered = [Question(None, *names, "x", "单项选择题", str(n), {"A": "甲"}, "") for n in range(40)
                  for names in [(SUB_EXAMS[0].exam_type, SUB_EXAMS[0].exam_class)]]  # fmt: skip
    assert draw_select(unknown + unanswered) == []


@pytest.mark.parametrize(("name", "value"), [("per_sub_exam", 0), ("max_share", 1.5), ("max_share", -0.1)])
def test_impossible_settings_are_named(name: str, value: float) -> None:
    with pytest.raises(SettingError, match=f"exam.select.{name}={value}"):
        draw_select([], **{name: value})


def test_every_prefix_of_the_order_covers_the_sub_exams_in_proportion() -> None:
    sizes = {0: 100, 1: 100, 2: 50, 3: 10}
    asked = [
        question(SUB_EXAMS[w], n, identity=1000 * w + n) for w, size in sizes.items() for n in range(size)
    ]
    order = exam_order(asked, seed=1)
    assert sorted(one.id or 0 for one in order) == [one.id for one in asked]
    total = len(asked)
    for length in range(1, total + 1):
        found = counts(order[:length])
        for which, size in sizes.items():
            assert abs(found[SUB_EXAMS[which].key] - length * size / total) <= 1.5


def test_the_order_depends_on_the_seed_alone() -> None:
    asked = [question(SUB_EXAMS[w], n, identity=100 * w + n) for w in range(28) for n in range(20)]
    order = exam_order(asked, seed=7)
    assert exam_order(asked[::-1], seed=7) == order
    assert exam_order(asked, seed=8) != order
    assert len(counts(order[:28])) == 28
