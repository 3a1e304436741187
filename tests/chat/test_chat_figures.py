"""Figures on token lists that can be counted by eye."""

from math import isclose

import pytest

from csft.chat import Sampled, distinct, figures, repetition
from csft.filling import within


@pytest.mark.parametrize(
    ("ids", "share"),
    [
        ([], 0),
        ([1, 2, 3], 0),
        ([1, 2, 3, 4, 5], 0),
        ([7, 7, 7, 7, 7, 7], 2 / 3),  # three 4-grams, one kind
        ([1, 2, 3, 4, 1, 2, 3, 4], 1 / 5),  # 1234 twice of five
    ],
)
def test_repetition_is_the_share_of_4_grams_seen_before(ids: list[int], share: float) -> None:
    assert isclose(repetition(ids), share)


@pytest.mark.parametrize(
    ("answers", "share"),
    [([], 0), ([[1]], 0), ([[1, 2, 3]], 1), ([[1, 2], [1, 2]], 1 / 2), ([[1, 2], [2, 1]], 1)],
)
def test_distinct_falls_where_answers_are_the_same(answers: list[list[int]], share: float) -> None:
    assert isclose(distinct(answers), share)


def test_answers_and_references_are_cut_at_the_same_limit() -> None:
    answers = [Sampled((5, 6), finished=True), Sampled((1, 1, 1, 1, 1, 1), finished=False)]
    found = figures(0.5, 9, 3, answers=answers, references=[[0] * 50, [0] * 4], limit=6)
    assert (found.loss, found.tokens, found.dialogues, found.answers) == (0.5, 9, 3, 2)
    assert (found.length, found.length_reference, found.unfinished) == (4, 5, 0.5)
    assert isclose(found.repetition, (0 + 2 / 3) / 2)
    assert isclose(found.distinct, 2 / 6)


def test_batches_hold_every_row_once_within_the_budget() -> None:
    lengths = [3, 90, 7, 7, 1, 20, 20]
    made = list(within(40, lengths))
    assert sorted(row for rows in made for row in rows) == list(range(7))
    assert made[0] == [1]  # over the budget by itself
    assert all(len(rows) * max(lengths[row] for row in rows) <= 40 for rows in made[1:])
