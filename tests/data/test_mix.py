"""Drawing records."""

import numpy as np
import pytest

from csft.data import draw
from csft.errors import SettingError

SIZES = {"a": 100, "b": 10, "c": 0}


def counts(drawn: list[tuple[str, np.ndarray]]) -> dict[str, int]:
    return {name: len(indices) for name, indices in drawn}


def test_weight_one_takes_every_record_once() -> None:
    drawn = dict(draw({"a": 1, "b": 1.0, "c": 1}, SIZES))
    assert sorted(drawn["a"].tolist()) == list(range(100))
    assert "c" not in drawn


def test_a_weight_takes_whole_copies_and_a_seeded_part() -> None:
    indices = dict(draw({"a": 2.25}, SIZES))["a"]
    times = np.bincount(indices, minlength=100)
    assert len(indices) == 225 and set(times) == {2, 3}


def test_the_limit_comes_before_the_weight() -> None:
    indices = dict(draw({"a": 2.0}, SIZES, max_records=30))["a"]
    assert len(indices) == 60 and len(set(indices.tolist())) == 30
    assert counts(draw({"a": 0.5, "b": 1}, SIZES, max_records=30)) == {"a": 15, "b": 10}


def test_the_seed_decides_and_other_datasets_do_not() -> None:
    def a(seed: int = 1, epoch: int = 0, **others: float) -> list[int]:
        return dict(draw({**others, "a": 0.5}, SIZES, 80, seed, epoch))["a"].tolist()

    assert a() == a() == a(b=1.0)
    assert a() != a(seed=2)
    assert a() != a(epoch=1)


def test_the_limits_sample_is_the_same_in_every_epoch() -> None:
    first, second = (dict(draw({"a": 1}, SIZES, 30, epoch=epoch))["a"] for epoch in (0, 1))
    assert first.tolist() == second.tolist()


@pytest.mark.parametrize("weights", [{}, {"a": 0}, {"c": 1.0}, {"b": 0.01}])
def test_nothing_to_train_on_is_refused(weights: dict[str, float]) -> None:
    with pytest.raises(SettingError, match="mix="):
        draw(weights, SIZES)


@pytest.mark.parametrize("weight", [-1, float("nan"), float("inf")])
def test_a_weight_that_is_no_number_of_copies_is_refused(weight: float) -> None:
    with pytest.raises(SettingError, match=r"mix\.a="):
        draw({"a": weight}, SIZES)


def test_an_unknown_dataset_and_an_empty_limit_are_refused() -> None:
    with pytest.raises(SettingError, match="mix=x"):
        draw({"x": 1}, SIZES)
    with pytest.raises(SettingError, match="max_records=0"):
        draw({"a": 1}, SIZES, max_records=0)
