"""One forward and backward pass of a frozen base for several adapters, each on rows of its own.

    rows      ▓▓▓▓▓▓▓▓ ░░░░░ ▒▒▒▒▒▒▒      route: (member 0, 8 rows), (member 2, 5), (member 1, 7)
              ───────── base ───────      once for all rows
              A₀B₀     A₂B₂  A₁B₁         each adapter on its rows alone

A member is a network that `adapt` made on a shell of the base (csft/model/shells.py): its adapter, and
nothing else of it, takes part. No row sees another, so neither does an adapter: what one computes, NaN
included, stays its own. Gradients reach the members' adapters and no weight of the base.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from csft.errors import ModelError
from csft.model.routed import Part, routed_linear
from csft.model.shells import shell

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel


class Share(NamedTuple):
    """The next `size` positions along the routed dimension belong to `member`."""

    member: int
    size: int


class Together:
    """The base of several adapters, as one network: `net` is called inside `routed` alone."""

    def __init__(self, base: "PreTrainedModel") -> None:
        self.net: PreTrainedModel = shell(base).eval()
        self._route = _Route()
        self._layers: dict[str, _TogetherLinear] = {}

    def join(self, member: int, adapted: "PeftModel") -> None:
        """Let an adapter take part, under a number of the caller's. ModelError for one that cannot."""
        _check_plain(adapted)
        self._check_base(adapted)
        for name, layer in _adapters(adapted):
            if name not in self._layers:
                made = _TogetherLinear(self.net.get_submodule(name), self._route)
                owner, _, last = name.rpartition(".")
                setattr(self.net.get_submodule(owner), last, made)
                self._layers[name] = made
            self._layers[name].members[member] = layer

    def _check_base(self, adapted: "PeftModel") -> None:
        ours = {weight.data_ptr() for weight in self.net.parameters()}
        if any(layer.get_base_layer().weight.data_ptr() not in ours for _, layer in _adapters(adapted)):
            raise ModelError("An adapter of another base, or of a copy of it. Put it on a shell of this one.")

    def leave(self, member: int) -> None:
        """Forget an adapter."""
        for layer in self._layers.values():
            layer.members.pop(member, None)

    @contextmanager
    def routed(self, shares: Sequence[Share], dim: int) -> Iterator[None]:
        """Meanwhile positions along `dim` of what layers are given, [B, L, D], belong to members in turn."""
        before, self._route.shares, self._route.dim = self._route.shares, tuple(shares), dim
        try:
            yield
        finally:
            self._route.shares = before


class _Route:
    def __init__(self) -> None:
        self.shares: tuple[Share, ...] = ()
        self.dim = 1


class _TogetherLinear(nn.Module):
    """A linear layer of the base, and the adapters that members have on it."""

    def __init__(self, base: nn.Module, route: _Route) -> None:
        super().__init__()
        self.base = base
        self.route = route
        self.members: dict[int, Any] = {}  # no modules of this one: they are trained as their own net's

    def forward(self, x_BLD: Tensor) -> Tensor:
        # Only where members' positions follow each other in memory, and the base is a bare matrix.
        if type(self.base) is nn.Linear and (self.route.dim == 0 or len(x_BLD) == 1):
            return self._in_one(x_BLD, self.base)
        out_BLE: Tensor = self.base(x_BLD)
        shares, dim = self.route.shares, self.route.dim
        sizes = [share.size for share in shares]
        parts = zip(shares, torch.split(x_BLD, sizes, dim), torch.split(out_BLE, sizes, dim), strict=True)
        return torch.cat([self._one(share.member, x, out) for share, x, out in parts], dim)

    def _in_one(self, x_BLD: Tensor, base: nn.Linear) -> Tensor:
        """The same without autograd's steps in between."""
        each = x_BLD.shape[1] if self.route.dim == 0 else 1
        ends = accumulate((share.size * each for share in self.route.shares), initial=0)
        parts, matrices = [], []
        for share, start in zip(self.route.shares, ends, strict=False):
            layer = self.members.get(share.member)
            if layer is not None:
                (name,) = layer.active_adapters
                parts.append(Part(start, start + share.size * each, layer.scaling[name]))
                matrices += [layer.lora_A[name].weight, layer.lora_B[name].weight]
        return routed_linear(x_BLD, base, parts, matrices)

    def _one(self, member: int, x: Tensor, out: Tensor) -> Tensor:
        layer = self.members.get(member)
        if layer is None:
            return out
        (name,) = layer.active_adapters
        down, up = layer.lora_A[name], layer.lora_B[name]
        update: Tensor = up(down(x.to(down.weight.dtype))) * layer.scaling[name]
        return (out + update).to(out.dtype)


def _adapters(adapted: "PeftModel") -> Iterator[tuple[str, Any]]:
    """Layers with an adapter, by their names in the base."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in adapted.get_base_model().named_modules():
        if isinstance(layer, BaseTunerLayer):
            yield name, layer


def _check_plain(adapted: "PeftModel") -> None:
    """What draws random numbers or rescales whole weights is not computed here as it is alone."""
    for settings in adapted.peft_config.values():
        if settings.use_dora or settings.lora_dropout:
            raise ModelError("An adapter with dropout or DoRA cannot be trained together with others.")
