"""A trial's own time, in seconds: what its process does for other trials meanwhile is not counted.

So the times of trials that share a process add up to what the process took.
"""

import time


class Clock:
    """Runs as `time.perf_counter` does, less what was left out."""

    def __init__(self) -> None:
        self._elsewhere = 0.0

    def now(self) -> float:
        """Seconds from an arbitrary start."""
        return time.perf_counter() - self._elsewhere

    def leave_out(self, seconds: float) -> None:
        """Do not count time that has just passed."""
        self._elsewhere += seconds
