"""Signs of life of the trials that a worker has under way, while it is busy with them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from optuna import Trial
from optuna.storages import RDBStorage


class SignsOfLife:
    """Tells the database of every trial under way, in turns of a thread of its own."""

    def __init__(self, storage: RDBStorage) -> None:
        self._storage = storage
        self._under_way: dict[int, int] = {}  # ids in the database, by the trials' numbers
        self._over = threading.Event()

    def begin(self, trial: Trial) -> None:
        """From now on."""
        self._under_way[trial.number] = trial._trial_id

    def end(self, number: int) -> None:
        """No longer: the trial is told."""
        self._under_way.pop(number, None)

    @contextmanager
    def given(self) -> Iterator[None]:
        """Let them be given meanwhile."""
        thread = threading.Thread(target=self._give, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _give(self) -> None:
        every = self._storage.get_heartbeat_interval()
        while not self._over.wait(every):
            for trial in list(self._under_way.values()):
                self._storage.record_heartbeat(trial)
