"""The validation split, as LLaMA-Factory draws it (0.9.5, through datasets' `train_test_split`)."""

import math

import numpy as np
from numpy.typing import NDArray

from csft.errors import SettingError

Indices = NDArray[np.int64]


def validation_split(n: int, val_size: float, seed: int = 42) -> tuple[Indices, Indices]:
    """Record numbers of n records to train on and to validate on, both in the order of one seeded shuffle.

    `val_size` below 1 is a share, rounded up; from 1 on a number of records. The validation part is the head
    of the shuffle (PCG64), the training part the rest. Split before anything else is drawn or cut.
    """
    share = 0 < val_size < 1
    if not share and (isinstance(val_size, bool) or val_size < 1 or val_size % 1):
        raise SettingError("val_size", val_size, "a share above 0 and below 1, or a whole number of records")
    held_out = math.ceil(n * val_size) if share else int(val_size)
    if held_out >= n:
        raise SettingError("val_size", val_size, f"what leaves one of {n} records to train on")
    order = np.random.default_rng(seed).permutation(n)
    return order[held_out:], order[:held_out]
