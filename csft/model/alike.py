"""Records of like length, laid side by side with as little padding as pays, and back in their row.

    row      a a a b b c c c      groups  [a a a]  2 × 3        one call of attention for a group: a call for
                                          [c c c]               each record costs more than the little padding
                                          [b b .]  …  or its own group, where the padding would cost more

Padding is zeros at the right, where causal attention never looks, so a record never meets another's numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Squared tokens of padding that cost what a call does: measured on a processor, forward and backward, with 4
# heads of 32 and with 12 of 64, where anything between 500 and 20,000 was alike within a tenth.
CALL = 4000


@dataclass(frozen=True)
class Way:
    """Where each row of what is made comes from, and which are zeros."""

    taken: Tensor
    zeros: Tensor | None = None

    def go(self, x: Tensor) -> Tensor:
        """Make it."""
        made = x.index_select(0, self.taken)
        return made if self.zeros is None else made.index_fill_(0, self.zeros, 0)


@dataclass(frozen=True)
class Groups:
    """`shapes` are the groups' records and lengths; no ways where the row already is as the groups are."""

    shapes: tuple[tuple[int, int], ...]
    there: Way | None = None
    back: Way | None = None

    @classmethod
    def of(cls, sizes: Sequence[int], device: torch.device | str) -> "Groups":
        """Group the records of a row by their sizes in tokens."""
        lengths = np.asarray(sizes, dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")
        shapes = _shapes(lengths[order].tolist())
        if len(shapes) == 1 and lengths.min() == lengths.max():
            return cls(shapes)
        width = np.repeat([length for _, length in shapes], [rows for rows, _ in shapes])
        first = np.cumsum(width) - width  # of each record among the padded places, in `order`
        within = np.arange(width.sum()) - np.repeat(first, width)
        row = np.cumsum(lengths) - lengths
        full = within < np.repeat(lengths[order], width)
        take = np.where(full, np.repeat(row[order], width) + within, 0)
        back = np.empty(lengths.sum(), dtype=np.int64)
        back[take[full]] = np.flatnonzero(full)
        taken, zeros, again = (torch.from_numpy(at).to(device) for at in (take, np.flatnonzero(~full), back))
        return cls(shapes, Way(taken, zeros if len(zeros) else None), Way(again))

    def lay_out(self, row_THD: Tensor) -> list[Tensor]:
        """Each group's records side by side, [records, length, H, D]."""
        padded = row_THD if self.there is None else _moved(row_THD, self.there, self.back)
        parts = torch.split(padded, [rows * length for rows, length in self.shapes])
        return [part.view(*shape, *part.shape[1:]) for part, shape in zip(parts, self.shapes, strict=True)]

    def put_back(self, parts: Sequence[Tensor]) -> Tensor:
        """The row, [T, H, D], from its groups."""
        padded = torch.cat([part.flatten(0, 1) for part in parts])
        return padded if self.back is None else _moved(padded, self.back, self.there)


def _shapes(falling: list[int]) -> tuple[tuple[int, int], ...]:
    """A record joins the group before it as long as the group's padding costs less than one more call."""
    shapes: list[tuple[int, int]] = []
    wasted = 0
    for size in falling:
        if shapes:
            rows, longest = shapes[-1]
            wasted += longest**2 - size**2
            if wasted <= CALL:
                shapes[-1] = rows + 1, longest
                continue
        shapes.append((1, size))
        wasted = 0
    return tuple(shapes)


def _moved(x: Tensor, way: "Way | None", back: "Way | None") -> Tensor:
    moved: Tensor = _Move.apply(x, way, back)  # type: ignore[no-untyped-call]
    return moved


class _Move(torch.autograd.Function):
    """Every row of x but padding is taken once, so its slope comes back the other way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, way: Way, back: Way) -> Tensor:
        ctx.back = back
        return way.go(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        return ctx.back.go(slope), None, None
