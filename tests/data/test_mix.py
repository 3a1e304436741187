"""Drawing records."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csft.config import Mix
from csft.data.mix import amounts, chosen, draw
from csft.errors import SettingError

SIZES = {"cmb": 100, "cmid": 10, "nlpec": 0}


def mix(cmb: float = 1.0, **settings: Any) -> Mix:
    return Mix(datasets={"cmb": cmb, "cmid": 1.0, "nlpec": 1.0}, **settings)


def counts(drawn: dict[str, np.ndarray]) -> dict[str, int]:
    return {name: len(indices) for name, indices in drawn.items()}


def test_weight_one_takes_every_record_once() -> None:
    drawn = draw(mix(), SIZES)
    assert sorted(drawn["cmb"].tolist()) == list(range(100))
    assert counts(drawn) == {"cmb": 100, "cmid": 10}


def test_a_weight_takes_whole_copies_and_a_seeded_part() -> None:
    indices = draw(mix(2.25), SIZES)["cmb"]
    times = np.bincount(indices, minlength=100)
    assert len(indices) == 225 and set(times) == {2, 3}


def test_the_limit_comes_before_the_weight_and_stays_in_every_epoch() -> None:
    first, second = (draw(mix(2.0, max_records=30), SIZES, epoch=epoch)["cmb"] for epoch in (0, 1))
    assert len(first) == 60 and len(set(first.tolist())) == 30
    assert first.tolist() == second.tolist()
    assert counts(draw(mix(0.5, max_records=30), SIZES)) == {"cmb": 15, "cmid": 10}


@pytest.mark.parametrize(("resample", "same"), [(True, False), (False, True)])
def test_a_part_is_drawn_anew_in_every_epoch_or_not(resample: bool, same: bool) -> None:
    first, second = (draw(mix(0.5, resample=resample), SIZES, 1, epoch)["cmb"].tolist() for epoch in (0, 1))
    assert (first == second) is same


def test_the_seed_decides_and_without_a_budget_other_datasets_do_not() -> None:
    one = draw(mix(0.5), SIZES, 1)["cmb"].tolist()
    alone = draw(Mix(datasets={"cmb": 0.5}), {"cmb": 100}, 1)["cmb"].tolist()
    assert one == alone
    assert one != draw(mix(0.5), SIZES, 2)["cmb"].tolist()


@given(st.floats(0.01, 3), st.floats(0.01, 3))
def test_a_smaller_weight_draws_part_of_what_a_larger_one_draws(one: float, other: float) -> None:
    small, large = (
        np.bincount(draw(mix(weight), SIZES).get("cmb", np.array([], int)), minlength=100)
        for weight in sorted([one, other])
    )
    assert (small <= large).all()


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, {"cmb": 100, "cmid": 10}),
        ({"records": 55}, {"cmb": 50, "cmid": 5}),
        ({"records": 220}, {"cmb": 200, "cmid": 20}),
        ({"records": 60, "temperature": math.inf}, {"cmb": 30, "cmid": 30}),
        ({"records": 60, "temperature": math.inf, "cmb": 2.0}, {"cmb": 40, "cmid": 20}),
        ({"temperature": 2.0}, {"cmb": 110 * 10 / (10 + math.sqrt(10)), "cmid": 110 / (1 + math.sqrt(10))}),
    ],
)
def test_temperature_and_budget_settle_the_shares(settings: Any, wanted: dict[str, float]) -> None:
    found = amounts(mix(**settings), SIZES)
    assert found.pop("nlpec") == 0
    assert found == pytest.approx(wanted)
    assert counts(draw(mix(**settings), SIZES)) == {name: round(amount) for name, amount in wanted.items()}


@given(st.integers(1, 500), st.sampled_from([1.0, 1.7, math.inf]), st.floats(0.1, 5))
def test_a_budget_of_records_is_spent_to_the_record(records: int, temperature: float, weight: float) -> None:
    budgeted = mix(weight, records=records, temperature=temperature)
    drawn, wanted = counts(draw(budgeted, SIZES)), amounts(budgeted, SIZES)
    assert sum(drawn.values()) == records
    assert all(abs(drawn.get(name, 0) - amount) < 1 for name, amount in wanted.items())


def test_a_token_budget_counts_tokens_and_is_never_exceeded() -> None:
    tokens = {"cmb": np.arange(1, 101), "cmid": np.full(10, 505), "nlpec": np.array([], int)}
    drawn = draw(mix(tokens=1010), SIZES, tokens=tokens)  # 5,050 tokens each: 505 of each
    spent = {name: int(tokens[name][at].sum()) for name, at in drawn.items()}
    assert counts(drawn)["cmid"] == 1 and 405 < spent["cmb"] <= 505
    twice = draw(mix(tokens=4 * 5050), SIZES, tokens=tokens)
    assert counts(twice) == {"cmb": 200, "cmid": 20}
    with pytest.raises(SettingError, match=r"mix\.tokens=1010"):
        draw(mix(tokens=1010), SIZES)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({}, ["cmb", "cmid", "medmcqa", "medqajin"]),
        ({"languages": ["zh"]}, ["cmb", "cmid", "medqajin"]),
        ({"languages": ["en"]}, ["medmcqa", "medqajin"]),
        ({"styles": ["NER"]}, ["cmid"]),
        ({"languages": ["zh"], "styles": ["MCQA"]}, ["cmb", "medqajin"]),
    ],
)
def test_filters_choose_datasets(filters: Any, names: list[str]) -> None:
    four = Mix(datasets={"cmb": 1, "cmid": 1, "medmcqa": 0.5, "medqajin": 1, "nlpec": 0})
    assert chosen(dataclasses.replace(four, **filters)) == names


def test_what_leaves_nothing_is_refused() -> None:
    with pytest.raises(SettingError, match="filters that leave one of cmb"):
        chosen(mix(0.0, styles=["dialogue"]))
    for nothing in (Mix(datasets={"nlpec": 1.0}), Mix(datasets={"cmb": 0.001})):
        with pytest.raises(SettingError, match="draw at least one record"):
            draw(nothing, {name: SIZES[name] for name in nothing.datasets})
