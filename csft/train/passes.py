"""The records of several trainings' updates, joined into rows that one network computes.

    member 0   ▓▓▓▓ ▓▓ ▓▓▓         pass 1   ▓▓▓▓▓▓▓▓▓░░░░░░░    at most so many tokens; records stay whole,
    member 1   ░░░░░░░ ░░░░ ░░░    pass 2   ░░░░░░░▒▒▒▒▒▒▒▒▒    and a member's follow each other
    member 2   ▒▒▒▒▒▒ ▒▒▒

How records fall into passes decides no result: an update's loss is a sum over all of its records.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import torch
from torch import Tensor

from csft.model.together import Share, Together
from csft.train.loss import labelled, last_hidden, summed_loss
from csft.train.updates import Collate, Record


@dataclass
class Stretch:
    """Records of one member in a pass."""

    member: int
    records: list[Record] = field(default_factory=list)
    tokens: int = 0


def divide(records: Mapping[int, Sequence[Record]], most_tokens: int) -> list[list[Stretch]]:
    """Passes of at most so many tokens, or of one record that has more; about equally long."""
    sized = [(member, one, len(one["input_ids"])) for member, each in records.items() for one in each]
    whole = sum(size for _, _, size in sized)
    enough = whole / max(1, ceil(whole / most_tokens))
    passes: list[list[Stretch]] = []
    held = 0
    for member, record, size in sized:
        if not passes or held + size > most_tokens or held >= enough:
            passes.append([])
            held = 0
        current = passes[-1]
        if not current or current[-1].member != member:
            current.append(Stretch(member))
        current[-1].records.append(record)
        current[-1].tokens += size
        held += size
    return passes


def differentiate(
    together: Together, collate: Collate, stretches: Sequence[Stretch], weights: Mapping[int, float]
) -> Tensor:
    """Losses of a pass, [stretches], each times its member's weight; their gradients are added up.

    `collate` makes one row of all records, [1, tokens], that keeps them apart.
    """
    net: Any = together.net
    row = collate([[record] for stretch in stretches for record in stretch.records])
    at_N, targets_N = labelled(row.pop("labels"))
    ends = torch.tensor([stretch.tokens for stretch in stretches]).cumsum(0)
    # How many labels each stretch has is known here, before anything is on the device.
    counts = torch.searchsorted(at_N, ends).diff(prepend=torch.zeros(1, dtype=torch.long)).tolist()
    here = {name: _to(net.device, value) for name, value in row.items()}
    with together.routed([Share(stretch.member, stretch.tokens) for stretch in stretches], dim=1):
        chosen_ND = last_hidden(net, here).index_select(0, at_N.to(net.device))
        hidden, targets = torch.split(chosen_ND, counts), torch.split(targets_N.to(net.device), counts)
        head = net.get_output_embeddings()
        losses = torch.stack(
            [
                summed_loss(head, *each) * weights[one.member]
                for one, *each in zip(stretches, hidden, targets, strict=True)
            ]
        )
        torch.autograd.backward(losses.sum())  # in here: what is computed again for it goes the same ways
    return losses.detach()


def _to(device: Any, value: Any) -> Any:
    """Tensors go to the device; the lengths that flash-attention is given are numbers."""
    return value.to(device) if isinstance(value, Tensor) else value
