"""Adapters on one base that tests put to work alone and together."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from csft import model
from csft.model.shells import shell
from csft.model.together import Together


class Adapter(NamedTuple):
    """How strong it is: its numbers are drawn with that deviation, so that it answers unlike the base."""

    rank: int
    alpha: float
    strength: float


def put_together(base: Any, adapters: Mapping[int, Adapter]) -> tuple[Together, dict[int, Any]]:
    """The members, each seeded by its number: all in one, and each by itself."""
    together, nets = Together(base), {}
    for member, one in adapters.items():
        nets[member] = model.adapt(shell(base), "lora", one.rank, one.alpha, seed=member)
        torch.manual_seed(member)
        with torch.no_grad():
            for name, weights in nets[member].named_parameters():
                if "lora_B" in name:
                    weights.normal_(0, one.strength)
        together.join(member, nets[member])
    return together, nets
