"""The learning rate of every update: warm-up, then the shape that `train.schedule` names.

Update k, counted from 1, takes the rate of position k - 1, as in transformers and LLaMA-Factory: with any
warm-up the first update has rate 0, and none is the very end of a decay. All but cosine and linear have a
stable part, which depends on the number of warm-up updates alone: there a longer run starts as a shorter one
did.
"""

import math
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

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


def build(optimizer: Optimizer, name: str, updates: int, warmup: float, decay: float) -> LRScheduler:
    """The schedule over `updates` in all; `warmup` and `decay` (of `wsd` alone) are shares of them."""
    if name not in NAMES:
        raise SettingError("train.schedule", name, " | ".join(NAMES))
    from transformers import get_scheduler

    rising = math.ceil(updates * warmup)
    special: dict[str, Any] = {}
    if name == "wsd":
        falling = min(math.ceil(updates * decay), updates - rising)  # both were rounded up
        special = {"num_decay_steps": falling, "decay_type": WSD_DECAY}
    schedule: LRScheduler = get_scheduler(NAMES[name], optimizer, rising, updates, special)
    return schedule
