"""Trials that one worker has under way at the same time, each a generator whose orders are served here.

    trial 4   prepare ─ train ─ train ─ train ─ examine ─ told
    trial 5   prepare ─ train ─ train ─ pruned               served together wherever that is possible
    trial 6             prepare ─ wait ─ train ─ train ─ …

Everything happens in one thread, in turns: a turn is one update of all that train together, then the exams
of those that are through. A trial's clock runs while it is served, for its share of what is done together.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from csft.clock import Clock
from csft.errors import StoppedError
from csft.job import BETWEEN
from csft.orders import LOOK_S, Converse, Examine, Order, Steps, Train, Wait
from csft.stopping import KEPT, AskedError, stop_requests

Kind = TypeVar("Kind", Train, Examine, Converse, Wait)


class Outcome(NamedTuple):
    """How an order was served: its result, or the error that its trial is to be told."""

    value: Any = None
    error: BaseException | None = None


class Ended(NamedTuple):
    """A trial that is over: its value, or what ended it."""

    number: int
    value: Any = None
    error: BaseException | None = None


class Served(NamedTuple):
    """The outcomes that there are, and the share that trials had in the time it took."""

    outcomes: dict[int, Outcome]
    shares: dict[int, float]


class Service:
    """Serves the orders of trials one by one: the way of a pool with one trial at a time."""

    def train(self, orders: Mapping[int, Train]) -> Served:
        """Serve some of the orders, or a part of them."""
        return _first(orders)

    def examine(self, orders: Mapping[int, Examine]) -> Served:
        """Serve some of the orders."""
        return _first(orders)

    def converse(self, orders: Mapping[int, Converse]) -> Served:
        """Serve some of the orders."""
        return _first(orders)


def _first(orders: Mapping[int, Train] | Mapping[int, Examine] | Mapping[int, Converse]) -> Served:
    number = min(orders)
    return Served({number: outcome(orders[number].alone)}, {number: 1.0})


def outcome(serve: Callable[[], Any]) -> Outcome:
    """What serving gives or raises."""
    try:
        return Outcome(serve())
    except BaseException as error:
        return Outcome(error=error)


@dataclass
class _Trial:
    steps: Steps[Any]
    clock: Clock
    order: Order | None = None


class Pool:
    """At most `most` trials, those that wait for another one not counted; orders are served by `service`."""

    def __init__(self, most: int, service: Service) -> None:
        self.most, self._service = most, service
        self._trials: dict[int, _Trial] = {}
        self._over: list[Ended] = []

    def __len__(self) -> int:
        return len(self._trials) + len(self._over)

    @property
    def room(self) -> bool:
        """Whether another trial may begin."""
        if self._over:
            return False  # what they came to may decide who is next
        waiting = len(self._orders(Wait))
        return len(self._trials) - waiting < self.most and waiting < 2 * self.most

    def begin(self, number: int, steps: Steps[Any], clock: Clock) -> None:
        """Let a trial go as far as its first order."""
        self._trials[number] = _Trial(steps, clock)
        self._go_on(number, lambda: next(steps))

    def turn(self) -> list[Ended]:
        """Serve what was ordered, once around; gives the trials that are over since the last turn."""
        ready = [number for number, order in self._orders(Wait).items() if order.ready()]
        for number in ready:
            self._tell(number, Outcome())
        self._serve(Train, self._service.train)
        while self._serve(Examine, self._service.examine) or self._serve(Converse, self._service.converse):
            pass
        over, self._over = self._over, []
        if not (ready or over) and len(self._orders(Wait)) == len(self._trials):
            time.sleep(LOOK_S)
        return over

    def end(self, error: BaseException) -> list[Ended]:
        """Raise an error in every trial, where it is; what it has done is kept."""
        for number in list(self._trials):
            self._tell(number, Outcome(error=error))
        over, self._over = self._over, []
        return over

    def _serve(
        self,
        kind: type[Kind],
        service: Callable[[Mapping[int, Kind]], Served],
    ) -> bool:
        """Serve the orders of a kind and tell the trials; whether there were any."""
        orders = self._orders(kind)
        if not orders:
            return False
        started = time.perf_counter()
        with stop_requests(at_once=True):  # what it raises is an order's outcome
            served = service(orders)
        self._share_out(time.perf_counter() - started, served.shares)
        for number, one in served.outcomes.items():
            self._tell(number, one)
        return True

    def _tell(self, number: int, told: Outcome) -> None:
        steps = self._trials[number].steps
        if told.error is None:
            self._go_on(number, lambda: steps.send(told.value))
        else:
            error = told.error
            self._go_on(number, lambda: steps.throw(error))

    def _go_on(self, number: int, step: Callable[[], Order]) -> None:
        """Let a trial go as far as its next order, or to its end."""
        with self._time_of(number):
            try:
                with stop_requests(at_once=True):
                    self._trials[number].order = step()
                return
            except StopIteration as done:
                ended = Ended(number, done.value)
            except AskedError as asked:  # before the trial had anything to keep
                ended = Ended(number, error=StoppedError(asked.by, BETWEEN, KEPT))
            except BaseException as error:
                ended = Ended(number, error=error)
        del self._trials[number]
        self._over.append(ended)

    @contextmanager
    def _time_of(self, number: int) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._share_out(time.perf_counter() - started, {number: 1.0})

    def _share_out(self, seconds: float, shares: Mapping[int, float]) -> None:
        for number, trial in self._trials.items():
            trial.clock.leave_out(seconds * (1 - shares.get(number, 0.0)))

    def _orders(self, kind: type[Kind]) -> dict[int, Kind]:
        return {number: one.order for number, one in self._trials.items() if isinstance(one.order, kind)}
