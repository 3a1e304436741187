"""Networks of their own around the same weights, so that one base in memory serves many trials.

base ──shell──▶ net of trial 1, with its adapter       a shell has modules, hooks and settings of its own;
  │                                                    what is trained on it (adapters) is its alone
  ├────shell──▶ net of trial 2, with its adapter
  └────copy───▶ net of trial 3, fully fine-tuned       a copy has weights of its own as well
"""

from collections.abc import Callable
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from csft.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


def shell(net: "PreTrainedModel") -> "PreTrainedModel":
    """A network around the very weights of `net`, whose numbers must stay as they are: adapters only.

    Its parameters are its own around the same memory: frozen or turned into another number format, they
    leave those of `net` alone. Quantised ones cannot be told from their memory and are shared themselves.
    """

    def same(tensor: "Tensor") -> "Tensor":
        return _parameter(tensor, tensor.detach()) if _is_plain(tensor) else tensor

    return _around(net, same)


def copy(net: "PreTrainedModel", device: str | None = None) -> "PreTrainedModel":
    """A network with weights of its own, bit by bit those of `net`, on `device` or where `net` is."""

    def own(tensor: "Tensor") -> "Tensor":
        numbers = tensor.detach().to(device or tensor.device, copy=True)
        return _parameter(tensor, numbers) if _is_plain(tensor) else numbers

    if getattr(net, "is_loaded_in_4bit", False):
        raise ModelError("A network in 4 bits is not copied: it carries adapters alone, on shells of it.")
    return _around(net, own)


def _around(net: "PreTrainedModel", tensor: "Callable[[Tensor], Tensor]") -> "PreTrainedModel":
    """A deep copy, but of parameters and buffers what `tensor` gives for them."""
    if hasattr(net, "peft_config"):
        raise ModelError("A network with an adapter is no base for others. Take the one it was put on.")
    # By identity, as deepcopy remembers what it copied: tied weights stay tied.
    known: dict[int, Any] = {id(one): tensor(one) for one in (*net.parameters(), *net.buffers())}
    made: PreTrainedModel = deepcopy(net, known)
    return made


def _is_plain(tensor: "Tensor") -> bool:
    from torch import nn

    return type(tensor) is nn.Parameter


def _parameter(like: "Tensor", numbers: "Tensor") -> "Tensor":
    from torch import nn

    made = nn.Parameter(numbers, like.requires_grad)
    made.__dict__.update(like.__dict__)  # marks that transformers sets on what it has loaded
    return made
