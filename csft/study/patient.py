"""Optuna's database storage, whose signs of life outlast a database that is gone for a moment."""

from optuna.storages import RDBStorage

from csft.study.attributes import if_possible


class PatientStorage(RDBStorage):
    """As Optuna's; a sign of life that could not be given is said, and the next one is tried."""

    def record_heartbeat(self, trial_id: int) -> None:
        """Give a sign of life; after an error Optuna's own thread would never give another one."""
        if_possible(lambda: RDBStorage.record_heartbeat(self, trial_id))
