"""Trials under way in one thread: turns, waiting, ends, and whose time it was."""

import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from csft.clock import Clock
from csft.errors import PrunedError, StoppedError
from csft.orders import Examine, Train, Wait, serve
from csft.study import pool
from csft.study.pool import Outcome, Pool, Served, Service


class Together(Service):
    """Serves every training in as many turns as its job says, and all exams at once."""

    def __init__(self) -> None:
        self.turns: list[tuple[int, ...]] = []
        self.left: dict[int, int] = {}

    def train(self, orders: Any) -> Served:
        self.turns.append(tuple(orders))
        outcomes = {}
        for number, order in orders.items():
            self.left[number] = self.left.get(number, order.job.updates) - 1
            if not self.left[number]:
                outcomes[number] = order.job.ends(number)
        return Served(outcomes, dict.fromkeys(orders, 1 / len(orders)))

    def examine(self, orders: Any) -> Served:
        self.turns.append(tuple(-number for number in orders))
        return Served(
            {number: Outcome("answers") for number in orders}, dict.fromkeys(orders, 1 / len(orders))
        )


def trial(
    updates: int, ends: Callable[[int], Outcome] = Outcome, told: list[str] | None = None
) -> Iterator[Any]:
    """Trains, is examined, and gives what both gave; errors are noted in `told`."""
    job: Any = SimpleNamespace(updates=updates, ends=ends)
    try:
        trained = yield Train(job, *[None] * 6)  # type: ignore[arg-type]
        answers = yield Examine(job, *[None] * 3)  # type: ignore[arg-type]
    except BaseException as error:
        (told if told is not None else []).append(type(error).__name__)
        raise
    return trained, answers


def all_of(under_way: Pool) -> list[Any]:
    over = []
    while len(under_way):
        over += under_way.turn()
    return over


def test_turns_are_shared_and_those_who_end_together_are_examined_together() -> None:
    service = Together()
    under_way = Pool(3, service)
    for number, updates in enumerate((2, 1, 2)):
        assert under_way.room
        under_way.begin(number, trial(updates), Clock())
    assert not under_way.room
    assert [one.number for one in under_way.turn()] == [1]
    assert under_way.room
    under_way.begin(3, trial(1), Clock())
    assert {one.number: one.value for one in all_of(under_way)} == {
        number: (number, "answers") for number in (0, 2, 3)
    }
    assert service.turns == [(0, 1, 2), (-1,), (0, 2, 3), (0, -2, -3)]


def test_one_that_fails_or_is_given_up_leaves_the_others_alone() -> None:
    told: list[str] = []
    under_way = Pool(2, Together())
    under_way.begin(0, trial(1, lambda _: Outcome(error=PrunedError(1.0, 20.0)), told), Clock())
    under_way.begin(1, trial(2), Clock())
    ended = {one.number: one for one in all_of(under_way)}
    assert isinstance(ended[0].error, PrunedError) and told == ["PrunedError"]
    assert ended[1].error is None and ended[1].value == (1, "answers")


def test_one_that_waits_leaves_its_place_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "LOOK_S", 0.0)
    stage: list[int] = []

    def waiting() -> Iterator[Any]:
        yield Wait("for a stage", lambda: bool(stage))
        return (yield from trial(1))

    def leaving() -> Iterator[Any]:
        value = yield from trial(3)
        stage.append(1)
        return value

    under_way = Pool(1, Together())
    under_way.begin(0, waiting(), Clock())
    assert under_way.room, "a trial that waits takes no place"
    under_way.begin(1, leaving(), Clock())
    assert not under_way.room
    assert [one.number for one in all_of(under_way)] == [1, 0]


def test_a_trial_that_is_over_at_once_is_told_before_another_begins() -> None:
    def reused() -> Iterator[Any]:
        return 50.0
        yield

    under_way = Pool(2, Together())
    under_way.begin(0, reused(), Clock())
    assert not under_way.room and len(under_way) == 1
    assert [(one.number, one.value) for one in under_way.turn()] == [(0, 50.0)]
    assert under_way.room and not len(under_way)


def test_an_end_reaches_every_trial_where_it_is() -> None:
    told: list[str] = []
    under_way = Pool(2, Together())
    for number in range(2):
        under_way.begin(number, trial(5, told=told), Clock())
    under_way.turn()
    ended = under_way.end(StoppedError(signal.SIGTERM, "here", "kept"))
    assert [type(one.error) for one in ended] == [StoppedError] * 2
    assert told == ["StoppedError"] * 2 and not len(under_way)


def test_the_times_of_trials_add_up_to_the_time_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    def one(clock: Clock, alone: float) -> Iterator[Any]:
        started = clock.now()
        now[0] += alone
        yield from trial(2)
        now[0] += 1.0
        return clock.now() - started

    class Slow(Together):
        def train(self, orders: Any) -> Served:
            now[0] += 4.0
            served = super().train(orders)
            return Served(served.outcomes, {0: 0.75, 1: 0.25})

        def examine(self, orders: Any) -> Served:
            now[0] += 1.0
            return super().examine(orders)

    under_way = Pool(2, Slow())
    for number, alone in enumerate((2.0, 3.0)):
        under_way.begin(number, one(clock := Clock(), alone), clock)
    # By itself, three or one quarter of two updates, half an exam, and by itself again.
    assert [one.value for one in all_of(under_way)] == [2 + 6 + 0.5 + 1, 3 + 2 + 0.5 + 1]
    assert now[0] == 9.5 + 6.5


def test_alone_an_order_that_fails_is_told_where_it_was_given() -> None:
    def ready() -> bool:
        raise OSError("the folder is gone")

    def steps() -> Any:
        try:
            yield Wait("", ready)
        except OSError as error:
            return str(error)

    assert serve(steps()) == "the folder is gone"
