"""Updates as data: every optimiser step is planned, collated and counted before the loop sees it.

One item is one update, so that a short last batch, micro-batches and the loss over all trained tokens of the
update are settled here and the loop has no arithmetic of its own:

    plan (records of each update)  [[7, 2, 9, 4], [1, 8, 3, 0], [5, 6]]
    item 0 with micro_batch=2      {micro_batches: [tensors of 7 and 2, of 9 and 4], trained_tokens: 57}
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypedDict

from torch import Tensor
from torch.utils.data import Dataset

IGNORED = -100  # label of a position that is not trained on (torch's cross-entropy convention)


class Rows(Protocol):
    """Records as token ids: `rows[i]` is `{"input_ids": [...], "labels": [...]}`; `lengths` in tokens."""

    lengths: Any

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> dict[str, list[int]]: ...


class Update(TypedDict):
    """The micro-batches of one optimiser step and how many of their tokens are trained on."""

    micro_batches: list[dict[str, Tensor]]
    trained_tokens: int
    tokens: int  # padding not counted


Collate = Callable[[Sequence[dict[str, list[int]]]], dict[str, Tensor]]
EpochPlan = Callable[[int], Sequence[Sequence[int]]]


class Updates(Dataset[Update]):
    """A planned sequence of updates over rows."""

    def __init__(self, rows: Rows, plan: Sequence[Sequence[int]], micro_batch: int, collate: Collate) -> None:
        self.rows, self.plan, self.micro_batch, self.collate = rows, plan, micro_batch, collate

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> Update:
        rows = [self.rows[record] for record in self.plan[index]]
        return Update(
            micro_batches=[self.collate(part) for part in _chunks(rows, self.micro_batch)],
            # A label is predicted from the position before it, so position 0 is never trained on.
            trained_tokens=sum(label != IGNORED for row in rows for label in row["labels"][1:]),
            tokens=sum(len(row["input_ids"]) for row in rows),
        )


def plan_epochs(epoch_plan: EpochPlan, epochs: float) -> list[Sequence[int]]:
    """Join the plans of all epochs; of a last, fractional epoch the same share of updates, at least one."""
    whole = math.floor(epochs)
    plan = [update for epoch in range(whole) for update in epoch_plan(epoch)]
    if epochs > whole:
        last = epoch_plan(whole)
        plan += last[: math.ceil(len(last) * (epochs - whole))]
    return plan


def _chunks(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
