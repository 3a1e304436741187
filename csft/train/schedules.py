"""The learning rate of every update: warm-up, then the shape that `train.schedule` names.

Update k, counted from 1, takes the rate of position k - 1, as in transformers and LLaMA-Factory: with any
warm-up the first update has rate 0, and none is the very end of a decay. All but cosine and linear have a
stable part, which depends on the number of warm-up updates alone: there a longer run starts as a shorter one
did.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from csft.config import Train
from csft.errors import SettingError

# Hägele et al. 2024 (Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations): this shape
# of the decay did best.
WSD_DECAY = "1-sqrt"
NAMES = {
    "cosine": "cosine",
    "linear": "linear",
    "constant": "constant_with_warmup",
    "wsd": "warmup_stable_decay",
}


def build(optimizer: Optimizer, settings: Train, updates: int) -> LambdaLR:
    """The schedule that `settings` name, over `updates` in all."""
    if settings.schedule not in NAMES:
        raise SettingError("train.schedule", settings.schedule, " | ".join(NAMES))
    from transformers import get_scheduler

    rising = rise(settings, updates)
    special: dict[str, Any] = {}
    if settings.schedule == "wsd":
        # Both may have been rounded up, and a warm-up in updates may leave little room.
        falling = max(0, min(math.ceil(updates * settings.decay), updates - rising))
        special = {"num_decay_steps": falling, "decay_type": WSD_DECAY}
    schedule = get_scheduler(NAMES[settings.schedule], optimizer, rising, updates, special)
    assert isinstance(schedule, LambdaLR)
    return schedule


def rise(settings: Train, updates: int) -> int:
    """Updates of warm-up; given as a number they may be more than there are."""
    if settings.warmup_updates is not None:
        return settings.warmup_updates
    return math.ceil(updates * settings.warmup)


def rates(settings: Train, lr: float, updates: int) -> NDArray[np.float64]:
    """The rate of every update, float64 [updates], as the optimiser is given it."""
    schedule = build(SGD([torch.zeros(1, requires_grad=True)], lr=lr), settings, updates)
    (share,), (peak,) = schedule.lr_lambdas, schedule.base_lrs
    return float(peak) * np.array([share(position) for position in range(updates)], dtype=np.float64)


def go_on(schedule: LambdaLR) -> None:
    """Set the rate of the next update by this schedule: a state from another one may hold its own rate."""
    now: list[float | torch.Tensor] = [
        _rate(schedule, group, schedule.last_epoch) for group in range(len(schedule.base_lrs))
    ]
    for group, rate in zip(schedule.optimizer.param_groups, now, strict=True):
        group["lr"] = rate
    schedule._last_lr = now


def _rate(schedule: LambdaLR, group: int, position: int) -> float:
    return float(schedule.base_lrs[group] * schedule.lr_lambdas[group](position))  # as LambdaLR does
