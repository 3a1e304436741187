"""What two trainings have in common is found update by update."""

from typing import Any

import numpy as np
import pytest
from stage_helpers import Data, tail

from csft.data.batches import batch_plan
from csft.stages import Route
from csft.train import Epochs

LENGTHS = np.random.default_rng(1).integers(3, 40, 50)


def route(
    epochs: float = 2,
    *,
    numbers: Any = None,
    rates: Any = None,
    batch: int = 4,
    micro_batch: int = 2,
    mode: str = "padded",
) -> Route:
    """Of 50 records, called `numbers`."""
    plans = [
        batch_plan(LENGTHS, batch, mode, 7, epoch, micro_batch=micro_batch, cutoff=48) for epoch in range(4)
    ]
    plan = Epochs(plans.__getitem__, epochs)
    called = np.arange(50) if numbers is None else numbers
    given = np.full(len(plan), 0.1) if rates is None else rates(np.arange(len(plan), dtype=float))
    return Route(plan, given, called.__getitem__)


def agree(one: Route, other: Route) -> int:
    """The updates at which their digests are the same, which is all up to some update."""
    alike = [one.digest(k) == other.digest(k) for k in range(1, min(len(one), len(other)) + 1)]
    assert alike == sorted(alike, reverse=True)
    return sum(alike)


def swapped(first: int, second: int) -> np.ndarray:
    """Two records under each other's number."""
    numbers = np.arange(50)
    numbers[[first, second]] = second, first
    return numbers


@pytest.mark.parametrize("mode", ["padded", "grouped", "best_fit"])
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"epochs": 3}),
        ({"epochs": 0.3}, {"epochs": 2.6}),
        ({}, {"rates": lambda at: np.where(at < 9, 0.1, 0.2)}),
        ({}, {"rates": lambda at: np.where(at < 0, 0.1, 0.1000000000000001)}),
        ({}, {"numbers": swapped(11, 30)}),
        ({}, {"micro_batch": 1}),
        ({}, {"batch": 8}),
    ],
)
def test_digests_agree_as_far_as_updates_do(mode: str, one: Any, other: Any) -> None:
    first, second = route(mode=mode, **one), route(mode=mode, **other)
    assert first.shared(second) == second.shared(first) == agree(first, second)


def test_how_far_two_begin_alike() -> None:
    one = route()  # 13 updates an epoch
    assert one.shared(route(3)) == 26 and one.shared(route(0.5)) == 7
    assert one.shared(route(rates=lambda at: np.where(at < 9, 0.1, 0.2))) == 9
    assert one.shared(route(micro_batch=1)) == one.shared(route(rates=lambda at: at)) == 0
    plan = batch_plan(LENGTHS, 4, "padded", 7, 0)
    early, late = sorted(int(np.flatnonzero(plan.records == record)[0]) // 4 for record in (11, 30))
    assert early < late and one.shared(route(numbers=swapped(11, 30))) == early
    # Another order of the last, short update alone.
    last = plan.records[48:]
    assert one.shared(route(1, numbers=swapped(*last))) == 12


def test_an_epoch_of_another_length_is_another_from_its_start() -> None:
    less = Data(anew=True)  # 14 records of 30: epochs passed are counted otherwise
    assert Data().route(tail(1))[0].shared(less.route(tail(1))[0]) == 0


def test_many_records_are_cheap() -> None:
    lengths = np.full(1_000_000, 100)
    plan = batch_plan(lengths, 64, "padded", 1, 0)
    called = np.arange(len(lengths))
    one, other = (
        Route(Epochs(lambda epoch: plan, 2), np.full(2 * len(plan), 0.1), numbers.__getitem__)
        for numbers in (called, called.copy())
    )
    assert one.shared(other) == 2 * len(plan)
    assert one.digest(len(plan) + 5) == other.digest(len(plan) + 5)
