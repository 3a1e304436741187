"""Scores against CMB's real key, checked with figures counted by other means."""

import json
import random
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from csft.cmb import SUB_EXAMS, Question
from csft.errors import ExamError
from csft.exam import Figure, Scores, load_split, score
from csft.exam.noise import figure, mean_intervals
from csft.rejects import Rejects

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def key(shared: Path) -> Rows:
    path = shared / "samples/cmb/CMB-test-choice-answer.json"
    rows: Rows = json.loads(path.read_text(encoding="utf-8"))
    return rows


def answers(key: Rows) -> dict[int, str]:
    return {row["id"]: row["answer"] for row in key}


def test_a_perfect_sheet(key: Rows) -> None:
    scores = score(answers(key), key)
    assert (scores.n, scores.total, scores.macro, scores.macro_exam_types) == (11200, 100, 100, 100)
    assert (scores.figures["single"].n, scores.figures["multiple"].n) == (10010, 1190)
    assert len(scores.by_sub_exam) == 28
    sizes = [scores.figures[name].n for name in scores.by_exam_type]
    assert sizes == [2000, 1600, 3200, 1200, 1600, 1600]
    assert all(scores.figures[name].n == 400 for name in scores.by_sub_exam)
    assert scores.figures["total"].low == pytest.approx(100 - 0.0343, abs=1e-3)
    assert set(scores.unparsed_by_exam_type.values()) == {0}


def test_the_same_letter_everywhere(key: Rows) -> None:
    scores = score(dict.fromkeys(answers(key), "D"), key)
    assert scores.total == pytest.approx(19.6, abs=0.05)
    assert (scores.best_letter, scores.best_letter_percent) == ("D", scores.total)
    assert scores.total == pytest.approx(scores.macro)  # 400 questions each
    assert scores.by_exam_type == pytest.approx(scores.category_means)
    half = (scores.figures["total"].high - scores.figures["total"].low) / 2
    assert half == pytest.approx(0.74, abs=0.02)
    assert scores.random_percent is None  # published key rows do not show the options
    assert "random" not in scores.intervals


def test_every_letter_everywhere(key: Rows) -> None:
    scores = score(dict.fromkeys(answers(key), "D"), key)
    assert list(scores.always) == list("ABCDEFG")
    for letter, percent in scores.always.items():
        same = score(dict.fromkeys(answers(key), letter), key)
        assert (percent, scores.figures[f"always/{letter}"]) == (same.total, same.figures["total"])
    assert scores.always["G"] == 0 < scores.figures["always/G"].high < 0.05


def test_a_permuted_key_scores_near_chance(key: Rows) -> None:
    letters = [row["answer"] for row in key]
    random.Random(0).shuffle(letters)
    scores = score(dict(zip(answers(key), letters, strict=True)), key)
    by_hand = sum(row["answer"] == letter for row, letter in zip(key, letters, strict=True))
    assert scores.figures["total"].correct == by_hand
    assert 15 < scores.total < 21
    low, high = scores.intervals["macro"]
    assert low < scores.macro < high
    assert high - low == pytest.approx(scores.figures["total"].high - scores.figures["total"].low, rel=0.05)


def test_letters_must_equal_the_key_in_its_own_order(key: Rows) -> None:
    unsorted = [row for row in key if list(row["answer"]) != sorted(row["answer"])]
    assert sorted(row["answer"] for row in unsorted) == ["CA", "DB", "EB", "EC"]
    sheet = {number: "".join(sorted(letters)) for number, letters in answers(key).items()}
    assert score(sheet, key).figures["total"].correct == 11200 - 4


def test_unparsed_answers_are_wrong_and_counted(key: Rows) -> None:
    sheet = answers(key)
    for number in range(1, 1121):
        sheet[number] = ""
    scores = score(sheet, key)
    assert (scores.unparsed, scores.total) == (1120, 90.0)
    assert scores.by_exam_type["physician"] == 44.0
    assert scores.by_exam_type["nursing"] == 100
    assert scores.unparsed_by_exam_type == {**dict.fromkeys(scores.by_exam_type, 0), "physician": 1120}


def test_missing_and_extra_answers_are_named(key: Rows) -> None:
    sheet = answers(key)
    del sheet[7], sheet[8]
    with pytest.raises(ExamError, match="2 questions have no answer: ids 7, 8"):
        score(sheet, key)
    with pytest.raises(ExamError, match="1 answers have no question: ids 11201"):
        score({**answers(key), 11201: "A"}, key)
    with pytest.raises(ExamError, match="not text: ids 3"):
        score({**answers(key), 3: None}, key)  # type: ignore[dict-item]


def test_a_key_that_cannot_be_used_is_named(key: Rows) -> None:
    with pytest.raises(ExamError, match="empty"):
        score({}, [])
    with pytest.raises(ExamError, match="more than once: 1"):
        score(answers(key), [*key, key[0]])
    for change in ({"exam_class": "执业兽医"}, {"answer": ""}, {"id": "x"}, {"answer": None}):
        with pytest.raises(ExamError, match=r"1 of 11200 key rows lack a usable .* the first is row 1: id"):
            score(answers(key), [{**key[0], **change}, *key[1:]])


def test_questions_serve_as_key_and_show_chance(shared: Path) -> None:
    questions = load_split(shared / "samples/cnmleqa", "test", Rejects())
    sheet = {question.id or 0: question.answer for question in questions}
    scores = score(sheet, questions)
    assert (scores.total, scores.n, scores.multiple) == (100, 1500, None)
    assert list(scores.by_sub_exam) == ["physician/licensed_physician"]
    assert scores.random_percent == pytest.approx(20)
    low, high = scores.intervals["random"]  # 1500 fair guesses among five: 1.96 standard errors
    assert (low, high) == pytest.approx((20 - 2.02, 20 + 2.02), abs=0.15)


def test_random_expectation_of_several_answers() -> None:
    def question(number: int, kind: str, letters: str) -> Question:
        options = dict.fromkeys(letters, "甲") | {"G": " "}
        return Question(number, "医技考试", "医技士", "x", kind, "问", options, "A")

    questions = [question(1, "单项选择题", "ABCD"), question(2, "多项选择题", "ABC")]
    assert score({1: "B", 2: "A"}, questions).random_percent == pytest.approx(100 * (1 / 4 + 1 / 7) / 2)


def test_macro_counts_sub_exams_not_questions() -> None:
    names = [("医师考试", "执业医师")] * 3 + [("医师考试", "中级职称"), ("护理考试", "主管护师")]
    questions = [
        Question(n, *one, "x", "单项选择题", "问", {"A": "甲", "B": "乙"}, "A") for n, one in enumerate(names)
    ]
    scores = score({0: "A", 1: "A", 2: "B", 3: "B", 4: "A"}, questions)
    assert scores.total == 60
    assert scores.by_exam_type == {"physician": 50, "nursing": 100}
    assert scores.category_means["physician"] == pytest.approx(100 / 3)
    assert scores.macro == pytest.approx((200 / 3 + 0 + 100) / 3)
    assert scores.macro_exam_types == 75


@pytest.mark.parametrize("n", [1, 20])
def test_intervals_of_means_hold_the_truth(n: int) -> None:
    """Sheets whose true share per sub-exam is known: about 95 of 100 intervals hold it."""
    true = {sub.key: 0.4 + 0.4 * place / 27 for place, sub in enumerate(SUB_EXAMS)}
    means = {"macro": [*true.values()], "category_means/nursing": [*true.values()][5:9]}
    rng = np.random.default_rng(n)
    inside = Counter[str]()
    for _ in range(80):
        found = mean_intervals({key: figure(int(rng.binomial(n, p)), n) for key, p in true.items()})
        for name, shares in means.items():
            inside[name] += found[name][0] <= 100 * sum(shares) / len(shares) <= found[name][1]
    assert all(inside[name] >= 68 for name in means)


def test_means_of_unequal_parts_have_intervals_of_their_own() -> None:
    """1000 questions of one sub-exam and 10 of another: the macro knows less than the micro total."""
    parts = [("医师考试", "执业医师")] * 1000 + [("医师考试", "中级职称")] * 10
    questions = [
        Question(n, *one, "x", "单项选择题", "问", {"A": "甲", "B": "乙"}, "AB"[n % 2])
        for n, one in enumerate(parts)
    ]
    scores = score(dict.fromkeys(range(1010), "A"), questions)
    assert scores.intervals["macro"] == scores.intervals["category_means/physician"]
    low, high = scores.intervals["macro"]
    assert (high - low) / 2 == pytest.approx(196 * (0.25 / 10 / 4) ** 0.5, rel=0.15)
    low, high = scores.intervals["macro_exam_types"]  # of one exam type: the total
    assert (low, high) == pytest.approx((scores.figures["total"].low, scores.figures["total"].high), abs=0.3)


def test_scores_survive_json(key: Rows) -> None:
    scores = score(dict.fromkeys(answers(key), "D"), key)
    assert scores == score(dict.fromkeys(answers(key), "D"), key)  # seeded
    stored = json.loads(json.dumps(asdict(scores)))
    figures = {name: Figure(**values) for name, values in stored["figures"].items()}
    assert Scores(**{**stored, "figures": figures}) == scores
