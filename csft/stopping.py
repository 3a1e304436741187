"""A request to stop, from a person (Ctrl-C) or a scheduler (SIGTERM), and when it is heeded.

The first signal is noted, the second acts as if nothing were installed. Whoever is at work says what the
first one does: training heeds it between two micro-batches and keeps its state; everything else, which keeps
what it finishes as it goes, ends where it is.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from csft.errors import StoppedError
from csft.ranks import leads

# `print` may be in the middle of a line of its own when these are written.
AT_ONCE = b"\ncsft: stopping, what is finished is kept; once more stops at once\n"
SOON = b"\ncsft: stopping after this micro-batch, the state is kept; once more stops at once\n"
KEPT = "what was finished is kept"


class AskedError(BaseException):
    """Someone asked to stop. As with KeyboardInterrupt, `except Exception` does not hold it up."""

    def __init__(self, by: signal.Signals) -> None:
        super().__init__(by)
        self.by = by


class StopRequest:
    """Holds the signal that asked, if one did; `at_once` says whether it raises where it arrives."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.at_once = False

    def heed(self) -> None:
        """Raise AskedError if a request is there."""
        if self.signal:
            raise AskedError(self.signal)


_current: list[StopRequest] = []  # one at most, of the main thread: the only one that signals reach


@contextmanager
def stop_requests(*, at_once: bool = False) -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; with `at_once` it raises AskedError where it arrives.

    May be nested, and all levels see the one request; the innermost says what a signal does. Only the main
    thread may install handlers: elsewhere nothing is ever requested. A signal that the process was started to
    ignore, as a background job is Ctrl-C, stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield StopRequest()
        return
    with _installed() as request:
        before, request.at_once = request.at_once, at_once
        try:
            yield request
        finally:
            request.at_once = before


@contextmanager
def stoppable(place: Callable[[], str]) -> Iterator[StopRequest]:
    """Let a signal end what is inside, as a StoppedError that names the `place`: `during the exam`."""
    try:
        with stop_requests(at_once=True) as request:
            request.heed()
            yield request
    except AskedError as asked:
        raise StoppedError(asked.by, place(), KEPT) from None


def heed() -> None:
    """Raise AskedError if a request is there that did not, because it came where nothing can be raised."""
    if _current and threading.current_thread() is threading.main_thread():
        _current[0].heed()


@contextmanager
def _installed() -> Iterator[StopRequest]:
    """The handlers of the outermost level."""
    if _current:
        yield _current[0]
        return
    request, process = StopRequest(), os.getpid()
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # A handler that is not Python's is None and could not be put back.
    before = {number: handler for number, handler in found.items() if handler not in (signal.SIG_IGN, None)}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, frame: FrameType | None) -> None:
        put_back()
        if os.getpid() != process:  # a forked child is not ours to stop
            signal.raise_signal(number)
            return
        request.signal = signal.Signals(number)
        if leads():
            os.write(2, AT_ONCE if request.at_once else SOON)
        if request.at_once:
            request.heed()

    for number in before:
        signal.signal(number, note)
    _current.append(request)
    try:
        yield request
    finally:
        _current.clear()
        put_back()
