"""A request to stop, from a person (Ctrl-C) or a scheduler (SIGTERM), heeded between two micro-batches."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from csft.ranks import leads

ASKED = b"\ncsft: stopping after this micro-batch, the state is kept; once more stops at once\n"


class StopRequest:
    """Holds the signal that asked, if one did."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; the second acts as if nothing were installed.

    Only the main thread may install handlers: elsewhere nothing is ever requested. A signal that the process
    was started to ignore, as a background job is Ctrl-C, stays ignored.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    found = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in found.items() if handler != signal.SIG_IGN}

    def note(number: int, frame: FrameType | None) -> None:
        request.signal = signal.Signals(number)
        for each, handler in before.items():
            signal.signal(each, handler)
        if leads():
            os.write(2, ASKED)  # print may be in the middle of a line of its own

    for number in before:
        signal.signal(number, note)
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
