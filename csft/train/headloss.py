"""Cross-entropy straight from hidden states and an output matrix, without ever holding all logits.

The gradient of a chunk's logits is known as soon as the chunk is, so the forward pass turns it into gradients
of the hidden states and of the matrix at once (as Liger's fused linear cross-entropy does, Hsu et al. 2024)
and nothing is computed twice. torch 2.13's `linear_cross_entropy` does the same, but sums a bfloat16 loss in
bfloat16, and torch 2.11 lacks it.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# Logits that exist at once. A chunk should stay near a processor's caches; a GPU wants it large, because the
# whole matrix gradient is read and written for each.
CHUNK_LOGITS = {"cpu": 2**24, "cuda": 2**26}


def chunk_positions(vocabulary: int, device: str) -> int:
    """Labelled positions whose logits exist at the same time on a type of device (`cpu`, `cuda`).

    Each costs `vocabulary` times 8 bytes in float32, 6 in bfloat16; a trained matrix its gradient once more.
    """
    return max(1, CHUNK_LOGITS[device] // vocabulary)


def chunks(positions: int, vocabulary: int, device: str) -> Iterator[slice]:
    """Cut positions into equal chunks, as few as fit."""
    count = math.ceil(positions / chunk_positions(vocabulary, device))
    size = math.ceil(positions / max(count, 1))
    return (slice(at * size, min((at + 1) * size, positions)) for at in range(count))


def fits(head: Any, hidden_ND: Tensor) -> bool:
    """Tell whether a head is a bare matrix: no adapter, no hook, not sharded, of the hidden states' type."""
    return (
        type(head) is nn.Linear
        and type(head.weight) is nn.Parameter
        and head.weight.dtype == hidden_ND.dtype
        and not (head._forward_hooks or head._forward_pre_hooks)
    )


def head_loss(head: nn.Linear, hidden_ND: Tensor, targets_N: Tensor) -> Tensor:
    """Sum of cross-entropies in float32; a frozen head gets no gradient and costs none."""
    if not torch.is_grad_enabled():
        return _Pass(hidden_ND, head.weight, head.bias, targets_N).run()
    summed: Tensor = _HeadLoss.apply(hidden_ND, head.weight, head.bias, targets_N)  # type: ignore[no-untyped-call]
    return summed


class _HeadLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden_ND: Tensor, weight_VD: Tensor, bias_V: Tensor | None, targets_N: Tensor
    ) -> Tensor:
        once = _Pass(hidden_ND, weight_VD, bias_V, targets_N, wanted=ctx.needs_input_grad[:3])
        summed = once.run()
        ctx.gradients = once.gradients
        return summed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        found, ctx.gradients = ctx.gradients, None
        if found is None:
            raise RuntimeError("head_loss: the backward pass was run already.")
        return (*(one if one is None else one.mul_(gradient) for one in found), None)


class _Pass:
    """One pass over all chunks, and the gradients that are wanted of hidden states, matrix and bias."""

    def __init__(
        self,
        hidden_ND: Tensor,
        weight_VD: Tensor,
        bias_V: Tensor | None,
        targets_N: Tensor,
        *,
        wanted: Sequence[bool] = (False, False, False),
    ) -> None:
        self.hidden_ND, self.weight_VD, self.bias_V, self.targets_N = hidden_ND, weight_VD, bias_V, targets_N
        self.gradients = [
            torch.zeros_like(one) if want and one is not None else None
            for one, want in zip((hidden_ND, weight_VD, bias_V), wanted, strict=True)
        ]

    def run(self) -> Tensor:
        weight_VD = self.weight_VD
        parts = list(chunks(len(self.targets_N), len(weight_VD), weight_VD.device.type))
        logits_CV = weight_VD.new_empty(parts[0].stop if parts else 0, len(weight_VD))
        shares_CV = torch.empty_like(logits_CV, dtype=torch.float32)
        total = torch.zeros((), dtype=torch.float32, device=weight_VD.device)
        for part in parts:
            size = part.stop - part.start
            total += self._loss(part, logits_CV[:size], shares_CV[:size])
            if any(one is not None for one in self.gradients):
                self._differentiate(part, logits_CV[:size], shares_CV[:size])
        return total

    def _loss(self, part: slice, logits_CV: Tensor, shares_CV: Tensor) -> Tensor:
        """Fill in logits and their softmax; log-sum-exp is the greatest logit less the log of its share."""
        if self.bias_V is None:
            torch.mm(self.hidden_ND[part], self.weight_VD.T, out=logits_CV)
        else:
            torch.addmm(self.bias_V, self.hidden_ND[part], self.weight_VD.T, out=logits_CV)
        torch.softmax(logits_CV, -1, dtype=torch.float32, out=shares_CV)
        sums_C = logits_CV.amax(-1).float() - shares_CV.amax(-1).log()
        return (sums_C - logits_CV.gather(1, self.targets_N[part, None])[:, 0].float()).sum()

    def _differentiate(self, part: slice, logits_CV: Tensor, shares_CV: Tensor) -> None:
        """Add a chunk's gradients; the logits' buffer takes their own where the types differ."""
        shares_CV[torch.arange(len(shares_CV), device=shares_CV.device), self.targets_N[part]] -= 1
        slope_CV = shares_CV if shares_CV.dtype == logits_CV.dtype else logits_CV.copy_(shares_CV)
        hidden_ND, weight_VD, bias_V = self.gradients
        if hidden_ND is not None:
            torch.mm(slope_CV, self.weight_VD, out=hidden_ND[part])
        if weight_VD is not None:
            weight_VD.addmm_(slope_CV.T, self.hidden_ND[part])
        if bias_V is not None:
            bias_V += shares_CV.sum(0).to(bias_V.dtype)
