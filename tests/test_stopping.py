"""Requests to stop: who notes them, who is told at once, and what is as it was afterwards."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from csft.errors import StoppedError
from csft.stopping import AskedError, heed, stop_requests, stoppable

BOTH = (signal.SIGINT, signal.SIGTERM)


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Signals as a program in the foreground has them, and as this test found them afterwards."""
    before = {number: signal.getsignal(number) for number in BOTH}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    handlers = [signal.getsignal(number) for number in BOTH]
    yield
    assert [signal.getsignal(number) for number in BOTH] == handlers
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("sent", BOTH)
def test_the_innermost_level_says_what_a_signal_does(sent: signal.Signals) -> None:
    told = pytest.raises(StoppedError, match=f"Stopped by {sent.name} during tests; what was")
    with told as stopped, stop_requests() as outer, stoppable(lambda: "during tests"):
        with stop_requests() as inner:
            signal.raise_signal(sent)  # noted, and the work goes on
            assert inner is outer and inner.signal == sent
        heed()
    assert stopped.value.status == 128 + sent and outer.signal == sent


def test_at_once_ends_the_work_where_it_is() -> None:
    with pytest.raises(StoppedError), stop_requests(), stoppable(lambda: "here"):
        try:
            signal.raise_signal(signal.SIGTERM)
        except Exception:  # as libraries do
            pytest.fail("held up")
        pytest.fail("went on")


def test_a_request_waits_for_what_comes_next() -> None:
    with stop_requests() as request:
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(StoppedError), stoppable(lambda: "here"):
            pytest.fail("began")
        with pytest.raises(AskedError):
            request.heed()


def test_a_second_signal_acts_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), stop_requests():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)


def test_without_a_request_nothing_happens() -> None:
    with stop_requests(at_once=True) as request:
        heed()
    assert request.signal is None
    heed()


def test_other_threads_are_left_alone() -> None:
    raised: list[BaseException] = []

    def work() -> None:
        try:
            with stoppable(lambda: "elsewhere") as request:
                heed()
                assert request.signal is None
        except BaseException as error:
            raised.append(error)

    with stop_requests():
        signal.raise_signal(signal.SIGTERM)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert raised == []


def test_a_forked_child_ends_as_if_nothing_were_installed() -> None:
    with stop_requests(at_once=True) as request:
        child = os.fork()
        if not child:
            signal.raise_signal(signal.SIGTERM)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
    assert request.signal is None
