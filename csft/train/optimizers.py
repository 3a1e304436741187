"""AdamW in two kinds, and its state as plain tensors.

`adamw` keeps two float32 numbers per float32 weight. `adamw_8bit` keeps two of 8 bits (Dettmers et al. 2022)
and rounds new bfloat16 weights at random to one of their two neighbours, the nearer the likelier: rounding to
the nearest would undo every update of less than half a step between numbers, which is most of them.
"""

import importlib.util
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from csft.errors import ModelError, SettingError
from csft.train.sharding import is_sliced, sliced

NAMES = ("auto", "adamw", "adamw_8bit")
_LOST = "bfloat16 weights lose updates of less than half a step between numbers"
BETAS, EPSILON = (0.9, 0.999), 1e-8
_INSTALL = "pip install torchao"


def choose(requested: str, narrow: bool, sliced: bool = False) -> tuple[str, str]:
    """The optimiser's name and why, for the line a person reads.

    `narrow`: the trained weights are bfloat16. `sliced`: each process holds a slice of them (fsdp).
    """
    if requested not in NAMES:
        raise SettingError("train.optimizer", requested, " | ".join(NAMES))
    eight_bit = requested == "adamw_8bit" or (requested == "auto" and narrow and not sliced)
    if eight_bit and importlib.util.find_spec("torchao") is None:
        raise SettingError("train.optimizer", requested, f"adamw; or install torchao: {_INSTALL}")
    if eight_bit:
        return "adamw_8bit", "as asked" if requested != "auto" else "it rounds bfloat16 weights fairly"
    if narrow:
        return "adamw", _LOST
    return "adamw", "the weights are float32" if requested == "auto" else "as asked"


def build(net: nn.Module, name: str, lr: float, weight_decay: float) -> Optimizer:
    """The optimiser of a net's trainable weights; norms and biases are never decayed."""
    trained = [weight for weight in net.parameters() if weight.requires_grad]
    narrow = any(weight.dtype == torch.bfloat16 for weight in trained)
    name, _ = choose(name, narrow, any(map(is_sliced, trained)))
    groups = _groups(net, weight_decay)
    if name == "adamw":
        return AdamW(groups, lr=lr, betas=BETAS, eps=EPSILON, fused=True)
    from csft.train.rounding import AdamW8bit

    return AdamW8bit(groups, lr=lr, betas=BETAS, eps=EPSILON)


def state_tensors(optimizer: Optimizer, net: nn.Module) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The whole state: tensors under `weight/state` (or `weight/state/part`), and the rest as JSON takes it.

    Nothing is copied. A weight that never had a gradient has no state.
    """
    tensors: dict[str, Tensor] = {}
    kinds: dict[str, Any] = {}
    for name, weight in _named(optimizer, net):
        for key, value in optimizer.state.get(weight, {}).items():
            place = f"{name}/{key}"
            # torch's protocol for tensors made of tensors; slices of one (fsdp) have it too
            if hasattr(value, "__tensor_flatten__") and not is_sliced(value):
                parts, (signed, dtype) = value.__tensor_flatten__()
                tensors |= {f"{place}/{part}": getattr(value, part) for part in parts}
                kinds[place] = {"signed": signed, "dtype": str(dtype).removeprefix("torch.")}
            else:
                tensors[place] = value
    groups = [
        {key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups
    ]
    return tensors, {"groups": groups, "eight_bit": kinds}


def load_state(
    optimizer: Optimizer, net: nn.Module, tensors: dict[str, Tensor], values: dict[str, Any]
) -> None:
    """Put a state from `state_tensors` into an optimiser newly built for the same net; ModelError if not."""
    named = _named(optimizer, net)
    weights = dict(named)
    states: dict[str, dict[str, Any]] = {}
    for place, tensor in _whole(tensors, values["eight_bit"]):
        name, _, key = place.rpartition("/")
        if name not in weights or tensor.shape not in (torch.Size(()), weights[name].shape):
            raise ModelError(f"The optimiser's state {place} {tuple(tensor.shape)} does not fit this model.")
        states.setdefault(name, {})[key] = sliced(tensor, weights[name]) if tensor.ndim else tensor
    ours = optimizer.state_dict()["param_groups"]
    if len(values["groups"]) != len(ours):
        raise ModelError(
            f"The optimiser's state has {len(values['groups'])} groups, this one has {len(ours)}."
        )
    groups = [
        {**mine, **kept, "betas": tuple(kept["betas"])}
        for mine, kept in zip(ours, values["groups"], strict=True)
    ]
    numbered = {number: states[name] for number, (name, _) in enumerate(named) if name in states}
    optimizer.load_state_dict({"state": numbered, "param_groups": groups})


def _groups(net: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    from transformers import Trainer

    decayed = set(Trainer.get_decay_parameter_names(None, net))  # reads nothing of a Trainer
    trained = [(name, weight) for name, weight in net.named_parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for name, weight in trained if name in decayed], "weight_decay": weight_decay},
        {"params": [weight for name, weight in trained if name not in decayed], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _named(optimizer: Optimizer, net: nn.Module) -> list[tuple[str, Tensor]]:
    """Name and weight in the order in which `Optimizer.state_dict` numbers them."""
    names = {weight: name for name, weight in net.named_parameters()}
    return [(names[weight], weight) for group in optimizer.param_groups for weight in group["params"]]


def _whole(tensors: dict[str, Tensor], kinds: dict[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Every state under `weight/state`, those of 8 bits put together again."""
    for place, tensor in tensors.items():
        if place.rpartition("/")[0] not in kinds:
            yield place, tensor
    if not kinds:
        return
    from csft.train.rounding import eight_bit

    for place, kind in kinds.items():
        parts = (tensors[f"{place}/{part}"] for part in ("codes", "scale", "qmap"))
        yield place, eight_bit(*parts, signed=kind["signed"], dtype=getattr(torch, kind["dtype"]))
