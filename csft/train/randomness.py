"""The random states that training draws from, taken and put back: dropout, stochastic rounding.

torch's states are tensors, kept in safetensors; Python's and numpy's are numbers, kept in JSON.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class RandomState:
    """All states at one moment; `tensors` has `cpu` and one `cuda:N` per GPU, each bytes [state]."""

    tensors: dict[str, Tensor]
    values: dict[str, Any]


def take(device: str) -> RandomState:
    """The states now; of GPUs only the one that is trained on."""
    tensors = {"cpu": torch.get_rng_state()}
    if device.startswith("cuda"):
        tensors["cuda"] = torch.cuda.get_rng_state(device)
    name, keys, *rest = np.random.get_state(legacy=True)
    numpy = [name, np.asarray(keys).tolist(), *rest]
    version, numbers, gauss = random.getstate()
    return RandomState(tensors, {"numpy": numpy, "python": [version, list(numbers), gauss]})


def put_back(tensors: Mapping[str, Tensor], values: Mapping[str, Any], device: str) -> None:
    """Set the states that `take` gave."""
    torch.set_rng_state(tensors["cpu"])
    if device.startswith("cuda"):
        torch.cuda.set_rng_state(tensors["cuda"], device)
    name, keys, *rest = values["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    version, numbers, gauss = values["python"]
    random.setstate((version, tuple(numbers), gauss))
