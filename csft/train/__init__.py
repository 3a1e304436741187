"""The training room: one call that fine-tunes a network on rows of token ids, and can go on after a kill.

What it will need is reckoned beforehand (`check_fits`), how it runs is measured meanwhile (`Meter`).
"""

import importlib
from typing import TYPE_CHECKING, Any

from csft.train import high_water
from csft.train.capacity import capacity
from csft.train.checkpoints import Checkpoint, Checkpoints
from csft.train.fitting import check_fits
from csft.train.memory import weight_bytes
from csft.train.pack_plan import pack_plan
from csft.train.peaks import device_peak
from csft.train.speed import Meter, training_cost
from csft.train.workload import Workload

if TYPE_CHECKING:
    from csft.train.loop import FitResult, Rows, fit
    from csft.train.loss import loss_positions, validation_loss
    from csft.train.optimizers import choose as choose_optimizer
    from csft.train.schedules import rates
    from csft.train.together import Ended, Member, TrainTogether, unfit
    from csft.train.updates import Epochs
    from csft.train.visiting import Visit, rung

_HEAVY = {
    "Ended": "together",
    "Epochs": "updates",
    "FitResult": "loop",
    "Member": "together",
    "Rows": "loop",
    "TrainTogether": "together",
    "unfit": "together",
    "fit": "loop",
    "loss_positions": "loss",
    "validation_loss": "loss",
    "rates": "schedules",
    "choose_optimizer": "optimizers.choose",
    "Visit": "visiting",
    "rung": "visiting",
}

__all__ = [
    "Checkpoint",
    "Checkpoints",
    "Ended",
    "Epochs",
    "FitResult",
    "Member",
    "Meter",
    "Rows",
    "TrainTogether",
    "Visit",
    "Workload",
    "capacity",
    "check_fits",
    "choose_optimizer",
    "device_peak",
    "fit",
    "high_water",
    "loss_positions",
    "pack_plan",
    "rates",
    "rung",
    "training_cost",
    "unfit",
    "validation_loss",
    "weight_bytes",
]


def __getattr__(name: str) -> Any:
    """Load torch and transformers on first use alone."""
    if name in _HEAVY:
        module, _, attribute = _HEAVY[name].partition(".")
        return getattr(importlib.import_module(f"csft.train.{module}"), attribute or name)
    raise AttributeError(f"module 'csft.train' has no attribute {name!r}")
