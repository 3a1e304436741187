"""A frozen linear layer with an adapter for each stretch of its positions, forward and backward by hand.

    out    = x Wᵀ + bias, and for the positions of each part  + scale · (x Aᵀ) Bᵀ
    dx     = g W          , and for the positions of each part  + scale · (g B) A

Autograd would make every product, scaled product and sum a tensor of its own, and do so for each adapter;
here an adapter is added into what the base gave. Saved are x, once for all layers that read it, and x Aᵀ,
which is small. What has the rank for a dimension is computed with it as the first: a processor multiplies
[8, N] with [N, D] several times as fast as their transposes. Beside bfloat16 weights adapters are computed in
their own float32, as peft does.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class Part(NamedTuple):
    """Positions from `start` to `end` go through an adapter whose product counts `scale` times."""

    start: int
    end: int
    scale: float


def routed_linear(x: Tensor, base: nn.Linear, parts: Sequence[Part], matrices: Sequence[Tensor]) -> Tensor:
    """`base` over x, [..., D] to [..., E], and each part's A [R, D] and B [E, R] over its own positions.

    Positions are counted over all leading dimensions; `matrices` are A and B in turn. Gradients reach x and
    the matrices, never the base.
    """
    x_TD = x.flatten(0, -2)
    out_TE: Tensor = _Routed.apply(x_TD, base.weight, base.bias, tuple(parts), *matrices)  # type: ignore[no-untyped-call]
    return out_TE.view(*x.shape[:-1], -1)


class _Routed(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x_TD: Tensor,
        weight_ED: Tensor,
        bias_E: Tensor | None,
        parts: tuple[Part, ...],
        *matrices: Tensor,
    ) -> Tensor:
        out_TE = nn.functional.linear(x_TD, weight_ED, bias_E)
        between = []
        for (start, end, scale), down_RD, up_ER in zip(parts, matrices[::2], matrices[1::2], strict=True):
            inner_RN = down_RD @ x_TD[start:end].to(down_RD.dtype).T
            _add(out_TE[start:end], inner_RN.T, up_ER.T, scale)
            between.append(inner_RN)
        ctx.parts = parts
        ctx.save_for_backward(x_TD, weight_ED, *matrices, *between)
        return out_TE

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope_TE: Tensor) -> tuple[Tensor | None, ...]:
        x_TD, weight_ED, *rest = ctx.saved_tensors
        count = len(ctx.parts)
        matrices, between = rest[: 2 * count], rest[2 * count :]
        slope_TD = slope_TE @ weight_ED if ctx.needs_input_grad[0] else None
        found: list[Tensor | None] = []
        for at, (start, end, scale) in enumerate(ctx.parts):
            down_RD, up_ER = matrices[2 * at : 2 * at + 2]
            slope_NE = slope_TE[start:end].to(up_ER.dtype)
            slope_RN = (up_ER.T @ slope_NE.T).mul_(scale)
            found.append(slope_RN @ x_TD[start:end].to(down_RD.dtype))
            found.append((between[at] @ slope_NE).mul_(scale).T)
            if slope_TD is not None:
                _add(slope_TD[start:end], slope_RN.T, down_RD, 1.0)
        return slope_TD, None, None, None, *found


def _add(into: Tensor, left: Tensor, right: Tensor, scale: float) -> None:
    """Add scale · left @ right, rounded once where `into` is narrower."""
    if into.dtype == left.dtype:
        into.addmm_(left, right, alpha=scale)
    else:
        into.copy_(torch.addmm(into.to(left.dtype), left, right, alpha=scale))
