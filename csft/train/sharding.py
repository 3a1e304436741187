"""One training spread over processes: what each of them holds of the net, and gradients as if it were one.

ddp    every process holds the whole net; gradients are added up after the last micro-batch of an update
fsdp   every process holds a slice of each weight, its gradient and its optimiser state; a layer's weights are
       gathered when it is computed, and its gradients added up and sliced when they are there (FSDP2)

A process computes every n-th micro-batch of an update and divides by the trained tokens of all of it, so
gradients and losses are summed, never averaged, and equal one process's but for the order of the additions.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from types import MethodType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from csft.errors import SettingError
from csft.ranks import Ranks

BUCKET = 1 << 25  # gradient values added up in one message: 128 MB in float32


@contextmanager
def spread(net: Any, ranks: Ranks) -> Iterator[Any]:
    """Give what this process trains in the place of `net`, which holds the trained weights afterwards.

    Under fsdp it holds them in the leading process alone, and while it trains in none.
    """
    if ranks.kind == "none":
        yield net
        return
    ranks.wait()  # for the exam of the untrained model
    trained = _sharded(net) if ranks.kind == "fsdp" else net
    trained._is_accelerate_prepared = True  # the Trainer would wrap it for averaged gradients
    yield trained
    if trained is not net:
        _fill(net, trained, ranks)


def in_forward(net: Any, function: Callable[..., Tensor], ranks: Ranks) -> Callable[..., Tensor]:
    """`function` of `net`; under fsdp weights are gathered for it as for the net's own `forward`."""
    if ranks.kind != "fsdp":
        return partial(function, net)
    from torch.distributed.fsdp import register_fsdp_forward_method

    setattr(net, function.__name__, MethodType(function, net))
    register_fsdp_forward_method(net, function.__name__)
    registered: Callable[..., Tensor] = getattr(net, function.__name__)
    return registered


def reseed(ranks: Ranks, seed: int, update: int, *, each: bool) -> None:
    """Draw an update's random numbers from its number alone, of each process its own or of all the same.

    So a continued training needs no process's random state, and copies of a net round alike.
    """
    if ranks.count > 1:
        mixed = np.random.SeedSequence([seed, update, ranks.rank + 1 if each else 0])
        torch.manual_seed(int(mixed.generate_state(1)[0]))


def sum_gradients(weights: Iterable[nn.Parameter], ranks: Ranks) -> None:
    """Add up the gradients of all processes, in float32; under fsdp the backward pass has done so."""
    if ranks.kind != "ddp":
        return
    for bucket in _buckets([_gradient(weight) for weight in weights if weight.requires_grad]):
        flat = ranks.sum(torch.cat([gradient.flatten().float() for gradient in bucket]))
        parts = torch.split(flat, [gradient.numel() for gradient in bucket])
        for gradient, summed in zip(bucket, parts, strict=True):
            gradient.copy_(summed.view_as(gradient))


def _gradient(weight: nn.Parameter) -> Tensor:
    if weight.grad is None:  # in another process it may not be
        weight.grad = torch.zeros_like(weight)
    return weight.grad


def is_sliced(tensor: Any) -> bool:
    """Whether each process holds a slice of the tensor (torch's DTensor, which is slow to import)."""
    return hasattr(tensor, "full_tensor")


def whole(tensor: Any) -> Any:
    """A tensor that is held in slices, gathered; every process has to ask. Others are given back."""
    return tensor.full_tensor() if is_sliced(tensor) else tensor


def for_leader(tensor: Tensor, ranks: Ranks) -> Tensor | None:
    """The whole of a tensor held in slices, in the leading process and off its GPU; others are given back."""
    gathered: Tensor = whole(tensor)
    if gathered is tensor:
        return tensor
    return gathered.cpu() if ranks.leads else None


def local(tensor: Any) -> Any:
    """What this process holds of a tensor."""
    return tensor.to_local() if is_sliced(tensor) else tensor


def sliced(tensor: Tensor, like: Any) -> Tensor:
    """This process's slice of a whole tensor, laid out as `like`; the tensor itself where `like` is whole."""
    if not is_sliced(like):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    here = tensor.to(like.device)
    return distribute_tensor(here, like.device_mesh, like.placements, src_data_rank=None)


def _sharded(net: Any) -> Any:
    """A copy of the net in slices, which takes the weights away from `net` itself."""
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    twin = deepcopy(net, {id(weight): weight for weight in net.parameters()})  # the weights are not copied
    blocks = _blocks(twin)
    added = MixedPrecisionPolicy(reduce_dtype=torch.float32)
    for block in blocks:
        fully_shard(block, mp_policy=added)
    fully_shard(twin, mp_policy=added)
    for module in (*blocks, twin):
        module.set_gradient_divide_factor(1.0)
        module.set_force_sum_reduction_for_comms(True)  # gloo knows no scaled sum
    for weight in net.parameters():
        weight.data = weight.data.new_empty(0)
    return twin


def _blocks(net: Any) -> list[Any]:
    """The layers that are gathered one at a time, as the model's own class names them."""
    base = net.get_base_model() if hasattr(net, "get_base_model") else net
    names = set(base._no_split_modules or ())
    found = [module for module in net.modules() if type(module).__name__ in names]
    if not found:
        raise SettingError(
            "parallel", "fsdp", f"ddp with {type(base).__name__}, which does not name its layers"
        )
    return found


def _fill(net: Any, twin: Any, ranks: Ranks) -> None:
    for (name, weight), (other, held) in zip(net.named_parameters(), twin.named_parameters(), strict=True):
        assert name == other
        gathered = whole(held.detach())
        if ranks.leads:
            weight.data = gathered


def _buckets(gradients: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    for gradient in gradients:
        if bucket and sum(map(Tensor.numel, bucket)) + gradient.numel() > BUCKET:
            yield bucket
            bucket = []
        bucket.append(gradient)
    if bucket:
        yield bucket
