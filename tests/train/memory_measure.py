"""Bytes alive while a network is trained, counted as tensors come and go; on tensors without data too."""

import weakref
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim import AdamW
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from csft import model
from csft.anatomy import Anatomy
from csft.model.internlm2 import InternLM2Config, InternLM2ForCausalLM
from csft.train.loss import label_loss
from csft.train.workload import Workload


class Live(TorchDispatchMode):
    """Counts the bytes of tensors made inside of it: `now`, and the highest, `peak`."""

    def __init__(self, known: Iterable[Tensor]) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._seen = {tensor.untyped_storage()._cdata for tensor in known}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self._note(tensor.untyped_storage())
        self.peak = max(self.peak, self.now)
        return out

    def _note(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._seen:
            self._seen.add(key)
            self.now += size
            weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size


@dataclass(frozen=True)
class Measured:
    """Bytes of a second update: its states are there from the start, its gradients are not."""

    weights: int
    gradients: int
    optimizer: int
    peak: int  # everything, weights and states included


def measure(net: Anatomy, work: Workload, real: bool = True) -> Measured:
    """Train an InternLM2 of these sizes on one update; without `real` no number is computed."""
    mode: AbstractContextManager[Any] = nullcontext() if real else FakeTensorMode(allow_non_fake_inputs=True)
    with mode:
        trained = _tuned(net, work, real)
        weights = [weight for weight in trained.parameters() if weight.requires_grad]
        optimizer = AdamW(weights, lr=1e-3, fused=True)
        for weight in weights:
            weight.grad = torch.zeros_like(weight)
        optimizer.step()
        optimizer.zero_grad()
        states = [state for kept in optimizer.state.values() for state in kept.values()]
        batch = _batch(work)
        loss = label_loss if real else _every_position_loss
        live = Live([*trained.parameters(), *trained.buffers(), *states, *batch.values()])
        with live:
            _update(lambda: loss(trained, batch, 10), work.batch // work.micro_batch)
            optimizer.step()
        held = _size(trained.parameters()), _size(states)
        return Measured(held[0], _size(weight.grad for weight in weights), held[1], sum(held) + live.peak)


def _update(loss: Callable[[], Tensor], micro_batches: int) -> None:
    for _ in range(micro_batches):
        loss().backward()


def network(net: Anatomy, dtype: str, attention: str) -> Any:
    """An InternLM2 of these sizes."""
    config = InternLM2Config(
        vocab_size=net.vocabulary,
        hidden_size=net.hidden,
        num_hidden_layers=net.layers,
        num_attention_heads=net.heads,
        num_key_value_heads=net.kv_heads,
        intermediate_size=net.intermediate,
        attention_bias=False,
        max_position_embeddings=8192,
    )
    return InternLM2ForCausalLM._from_config(
        config, dtype=getattr(torch, dtype), attn_implementation=attention
    )


def _tuned(net: Anatomy, work: Workload, real: bool) -> nn.Module:
    with torch.device("cpu" if real else "meta"):
        made = network(net, work.dtype, work.attention)
        tuned = model.adapt(
            made, work.tune, work.rank, 32, targets=work.targets, dropout=work.dropout
        ).train()
    if not real:
        _fill(tuned)
    if work.gradient_checkpointing:
        tuned.gradient_checkpointing_enable()
    return tuned  # type: ignore[no-any-return]


def _fill(net: nn.Module) -> None:
    """From the meta device to tensors that pass for ones on the processor."""
    for module in net.modules():
        for name, weight in module._parameters.items():
            if weight is not None:
                empty = torch.empty_like(weight, device="cpu")
                module._parameters[name] = nn.Parameter(empty, requires_grad=weight.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = torch.empty_like(buffer, device="cpu")


def _batch(work: Workload) -> dict[str, Tensor]:
    """A micro-batch as full as can be, and as many labels as make the largest chunk of logits."""
    shape = (1, work.tokens) if work.joined else (work.micro_batch, work.cutoff)
    labels = torch.ones(work.tokens, dtype=torch.long)
    labels[1 + min(work.loss_positions or work.tokens, work.tokens - 1) :] = -100
    batch = {"input_ids": torch.ones(shape, dtype=torch.long), "labels": labels.view(shape)}
    if work.own_positions:  # every row has two records at least, or there would be no mask
        batch["position_ids"] = torch.arange(work.cutoff // 2).repeat(2 * work.micro_batch).view(shape)
    return batch


def _every_position_loss(net: Any, batch: dict[str, Tensor], trained_tokens: int) -> Tensor:
    """label_loss with a label everywhere: where labels are cannot be asked of tensors without data."""
    from csft.train.headloss import head_loss

    hidden = net.get_decoder()(input_ids=batch["input_ids"], use_cache=False).last_hidden_state.flatten(0, 1)
    at = torch.arange(len(hidden))
    chosen = hidden.index_select(0, at)
    del hidden
    return head_loss(net.get_output_embeddings(), chosen, batch["labels"].flatten()[at]) / trained_tokens


def _size(tensors: Iterable[Tensor | None]) -> int:
    return sum(tensor.nbytes for tensor in tensors if tensor is not None)
