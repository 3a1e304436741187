"""Networks of their own around the same weights, so that one base in memory serves many trials.

base ──shell──▶ net of trial 1, with its adapter       a shell has modules, hooks and settings of its own;
  │                                                    what is trained on it (adapters) is its alone
  ├────shell──▶ net of trial 2, with its adapter
  └────copy───▶ net of trial 3, fully fine-tuned       a copy has weights of its own as well
"""

from copy import deepcopy
from typing import TYPE_CHECKING

from csft.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def shell(net: "PreTrainedModel") -> "PreTrainedModel":
    """A network around the very weights of `net`, which must stay as they are: adapters only."""
    _check_bare(net)
    held = [*net.parameters(), *net.buffers()]
    made: PreTrainedModel = deepcopy(net, {id(tensor): tensor for tensor in held})
    return made


def copy(net: "PreTrainedModel", device: str | None = None) -> "PreTrainedModel":
    """A network with weights of its own, bit by bit those of `net`, on `device` or where `net` is."""
    _check_bare(net)
    made: PreTrainedModel = deepcopy(net)
    return made if device is None else made.to(device)


def _check_bare(net: "PreTrainedModel") -> None:
    if hasattr(net, "peft_config"):
        raise ModelError("A network with an adapter is no base for others. Take the one it was put on.")
