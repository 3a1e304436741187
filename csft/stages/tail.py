"""What trials that begin alike may differ in: how long a training goes, and how its rate does."""

from dataclasses import dataclass, replace
from typing import Any

from csft.config import Train

# The settings, as a command line has them.
KEYS = ("epochs", "train.schedule", "train.warmup", "train.warmup_updates", "train.decay")


@dataclass(frozen=True)
class Tail:
    """Those settings of one trial. Whether two trainings begin alike is seen update by update (`Route`)."""

    epochs: float
    schedule: str
    warmup: float
    warmup_updates: int | None
    decay: float

    @classmethod
    def of(cls, config: Any) -> "Tail":
        """The tail of a trial's `Config`, or of a composed configuration."""
        train = config.train
        return cls(config.epochs, train.schedule, train.warmup, train.warmup_updates, train.decay)

    def put_on(self, train: Train) -> Train:
        """Settings of a training, with this tail."""
        return replace(
            train,
            schedule=self.schedule,
            warmup=self.warmup,
            warmup_updates=self.warmup_updates,
            decay=self.decay,
        )
