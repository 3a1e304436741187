"""Paired comparisons, against counts by hand, other ways of computing a p, and simulation."""

import json
import math
from dataclasses import asdict
from fractions import Fraction

import numpy as np
import pytest
from exam_helpers import make_question

from csft.cmb import SUB_EXAMS
from csft.errors import ExamError
from csft.exam import Comparison, Difference, compare
from csft.exam.comparison import weigh

QUESTIONS = [make_question(number, "AB" if number % 4 == 0 else "A") for number in range(56)]
RIGHT = {question.id or 0: question.answer for question in QUESTIONS}
WRONG = dict.fromkeys(RIGHT, "")


def sheet(*wrong: int) -> dict[int, str]:
    return RIGHT | dict.fromkeys(wrong, "E")


def exact_mcnemar(only_a: int, only_b: int) -> float:
    """Two-sided sign test in fractions: double the smaller tail of a fair coin."""
    n = only_a + only_b
    tail = sum(Fraction(math.comb(n, k), 2**n) for k in range(min(only_a, only_b) + 1))
    return float(min(Fraction(1), 2 * tail))


def test_counted_by_hand() -> None:
    """Sub-exam 0 asks questions 0 and 28; a misses 0, 1, 2, b misses 2, 3, 4, 5, 6."""
    found = compare(sheet(0, 1, 2), sheet(2, 3, 4, 5, 6), QUESTIONS)
    total, single, multiple = found.total, found.single, found.multiple
    assert (total.n, total.only_a, total.only_b) == (56, 4, 2)
    assert total.percent_a == pytest.approx(100 * 53 / 56)
    assert total.percent_b == pytest.approx(100 * 51 / 56)
    assert total.difference == pytest.approx(-100 * 2 / 56)
    assert total.p == pytest.approx(exact_mcnemar(4, 2)) == pytest.approx(0.6875)
    assert total.low < total.difference < total.high
    assert not total.clear
    assert single is not None and (single.n, single.only_a, single.only_b) == (42, 3, 1)
    assert multiple is not None and (multiple.n, multiple.only_a, multiple.only_b) == (14, 1, 1)
    assert {name: (one.n, one.only_a, one.only_b) for name, one in found.by_exam_type.items()} == {
        "physician": (10, 2, 2), "nursing": (8, 2, 0), "pharmacist": (16, 0, 0),
        "technician": (6, 0, 0), "knowledge": (8, 0, 0), "postgraduate": (8, 0, 0),
    }  # fmt: skip
    first = found.by_sub_exam[SUB_EXAMS[0].key]
    assert (first.n, first.percent_a, first.percent_b, first.only_b) == (2, 50, 100, 1)


@pytest.mark.parametrize("only_a, only_b", [(0, 1), (0, 5), (0, 6), (1, 9), (7, 7), (40, 61), (300, 390)])
def test_p_is_mcnemars(only_a: int, only_b: int) -> None:
    found = weigh(1600, 500, only_a, only_b)
    assert found.p == pytest.approx(exact_mcnemar(only_a, only_b), rel=1e-9)
    assert found.clear == (found.p < 0.05) == (not found.low <= 0 <= found.high)


def test_swapped_sheets_swap_signs() -> None:
    a, b = sheet(0, 1, 2), sheet(2, 3, 4, 5, 6, 30, 31)
    one, other = compare(a, b, QUESTIONS), compare(b, a, QUESTIONS)
    for mine, theirs in (
        (one.total, other.total),
        (one.by_exam_type["nursing"], other.by_exam_type["nursing"]),
    ):
        assert mine.difference == -theirs.difference < 0
        assert (mine.low, mine.high) == (-theirs.high, -theirs.low)
        assert (mine.only_a, mine.only_b, mine.percent_a) == (theirs.only_b, theirs.only_a, theirs.percent_b)
        assert (mine.p, mine.detectable) == (theirs.p, theirs.detectable)


def test_identical_sheets_differ_in_nothing_but_could_have() -> None:
    found = compare(sheet(3, 4), sheet(3, 4), QUESTIONS)
    for one in (found.total, *found.by_exam_type.values(), *found.by_sub_exam.values()):
        assert (one.difference, one.only_a, one.only_b, one.p, one.clear) == (0, 0, 0, 1.0, False)
        assert one.low < 0 < one.high  # 56 questions cannot show that nothing differs
    assert found.total.detectable == pytest.approx(100 * (1.959964 + 0.841621) ** 2 / 56, rel=1e-5)


def test_a_perfect_sheet_against_an_empty_one() -> None:
    found = compare(WRONG, RIGHT, QUESTIONS)
    assert (found.total.difference, found.total.p) == (100, 2 * 0.5**56)
    assert found.by_exam_type["technician"].p == 2 * 0.5**6
    assert found.total.clear and all(one.clear for one in found.by_exam_type.values())
    assert all(one.p == 0.5 and one.p_fdr == 0.5 for one in found.by_sub_exam.values())  # two questions each
    assert all(one.detectable is None for one in found.by_sub_exam.values())  # which could never show


def test_one_question() -> None:
    found = compare({0: "AB"}, {0: "A"}, QUESTIONS[:1])
    assert (found.total.difference, found.total.p, found.total.detectable) == (-100, 1.0, None)
    assert found.single is None and found.multiple == found.total
    assert list(found.by_sub_exam) == [SUB_EXAMS[0].key]


def test_many_sub_exams_are_corrected_as_benjamini_and_hochberg_say() -> None:
    """By hand: the p in order, each times 28 / rank, no smaller than the next one's allows."""
    questions = [make_question(number, "A") for number in range(28 * 40)]
    right = {question.id or 0: "A" for question in questions}
    # The first three sub-exams lose 12, 9 and 2 of their 40 questions.
    lost = {number for sub, count in ((0, 12), (1, 9), (2, 2)) for number in range(sub, 28 * count, 28)}
    found = compare(right, right | dict.fromkeys(lost, "B"), questions).by_sub_exam
    p = [found[sub.key].p for sub in SUB_EXAMS]
    assert p[:3] == [2 / 2**12, 2 / 2**9, 0.5] and set(p[3:]) == {1.0}
    corrected = [found[sub.key].p_fdr for sub in SUB_EXAMS]
    assert corrected[:3] == pytest.approx([p[0] * 28, p[1] * 28 / 2, 1.0])
    assert [found[sub.key].clear for sub in SUB_EXAMS[:3]] == [True, False, False]
    assert found[SUB_EXAMS[1].key].p < 0.05  # it would have been called different without the correction


def test_detectable_by_hand() -> None:
    """2.80 standard errors, √(share of discordant questions / n) each; more for one of 28 sub-exams."""
    assert weigh(11200, 7000, 560, 560).detectable == pytest.approx(
        280.1585 * math.sqrt(0.1 / 11200), rel=1e-4
    )
    assert weigh(400, 300, 20, 20, 0.05 / 28).detectable == pytest.approx(
        100 * (3.12349 + 0.841621) * math.sqrt(0.1 / 400), rel=1e-4
    )
    assert weigh(400, 300, 1, 1).detectable == pytest.approx(100 * 2.801585**2 / 400, rel=1e-4)


def simulate(n: int, share: float, points: float, rounds: int, seed: int) -> list[Difference]:
    """Pairs of sheets with `share` discordant questions and a true difference of `points`."""
    rng = np.random.default_rng(seed)
    half = points / 200
    drawn = rng.multinomial(n, [share / 2 - half, share / 2 + half, 1 - share], rounds)
    return [weigh(n, int(rest) // 2, int(a), int(b)) for a, b, rest in drawn]


@pytest.mark.parametrize("n, share", [(400, 0.02), (400, 0.2), (2000, 0.1)])
def test_without_a_true_difference_few_are_called_clear(n: int, share: float) -> None:
    found = simulate(n, share, 0, 300, seed=n)
    assert sum(one.clear for one in found) <= 24  # 5 % are 15; 24 and more have a chance of 1 %
    assert sum(one.low <= 0 <= one.high for one in found) >= 273


@pytest.mark.parametrize("n, share", [(400, 0.1), (2000, 0.1), (11200, 0.2)])
def test_a_difference_of_the_detectable_size_is_found_about_four_times_of_five(n: int, share: float) -> None:
    points = weigh(n, 0, int(n * share / 2), int(n * share / 2)).detectable
    assert points is not None
    found = simulate(n, share, points, 300, seed=1)
    assert 0.7 < sum(one.clear for one in found) / 300 < 0.9
    assert sum(one.low <= points <= one.high for one in found) / 300 > 0.91


def test_sheets_that_do_not_fit_are_named() -> None:
    short = {number: letters for number, letters in RIGHT.items() if number not in (3, 5)}
    with pytest.raises(
        ExamError, match="The second sheet and key do not fit: 2 questions have no answer: ids 3, 5"
    ):
        compare(RIGHT, short, QUESTIONS)
    with pytest.raises(ExamError, match=r"The first sheet .* 1 answers have no question: ids 99"):
        compare(RIGHT | {99: "A"}, RIGHT, QUESTIONS)


def test_plain_values_that_json_holds() -> None:
    found = compare(sheet(0, 1), sheet(2), QUESTIONS)
    assert found == compare(sheet(0, 1), sheet(2), QUESTIONS)  # seeded
    stored = json.loads(json.dumps(asdict(found)))
    assert Difference(**stored["by_exam_type"]["physician"]) == found.by_exam_type["physician"]
    assert isinstance(found, Comparison)
