"""Updates as data: every optimiser step is planned, collated and counted before the loop sees it.

One item is one update, so that a short last batch, micro-batches and the loss over all trained tokens of the
update are settled here and the loop has no arithmetic of its own. A plan names, for every update, its
micro-batches, their rows, and the records of each row (most often one):

    plan    [[[[7], [2]], [[9], [4]]], [[[1, 8], [3]], [[0]]]]
    item 0  {micro_batches: [tensors of 7 and 2, of 9 and 4], trained_tokens: 57, tokens: 80}
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, Protocol, TypedDict

from torch import Tensor
from torch.utils.data import Dataset

IGNORED = -100  # label of a position that is not trained on (torch's cross-entropy convention)

Record = dict[str, list[int]]
UpdatePlan = Sequence[Sequence[Sequence[int]]]  # micro-batches of rows of records
EpochPlan = Callable[[int], Sequence[UpdatePlan]]
Collate = Callable[[list[list[Record]]], dict[str, Tensor]]


class Plans(Protocol):
    """The updates of an epoch, or of several."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> UpdatePlan: ...


class Rows(Protocol):
    """Records as token ids: `rows[i]` is `{"input_ids": [...], "labels": [...]}`; `lengths` in tokens."""

    lengths: Any

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Record: ...


class Update(TypedDict):
    """The micro-batches of one optimiser step and how many of their tokens are trained on."""

    micro_batches: list[dict[str, Tensor]]
    trained_tokens: int
    tokens: int  # padding not counted


class Epochs:
    """The plans of all epochs, one after the other; of a last, fractional epoch the same share, at least one.

    Epochs may differ in their number of updates.
    """

    def __init__(self, epoch_plan: EpochPlan, epochs: float) -> None:
        self._plans = [epoch_plan(number) for number in range(math.ceil(epochs))]
        self._sizes = [len(plan) for plan in self._plans]
        taken = [math.ceil(size * min(epochs - number, 1)) for number, size in enumerate(self._sizes)]
        self._ends = list(accumulate(taken, initial=0))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, index: int) -> UpdatePlan:
        epoch = bisect_right(self._ends, index) - 1
        return self._plans[epoch][index - self._ends[epoch]]

    def passed(self, updates: int) -> float:
        """Epochs done after that many updates, at least 1."""
        epoch = bisect_left(self._ends, updates) - 1
        return epoch + (updates - self._ends[epoch]) / self._sizes[epoch]


class Updates(Dataset[Update]):
    """A planned sequence of updates over rows."""

    def __init__(self, rows: Rows, plan: Plans, collate: Collate) -> None:
        self.rows, self.plan, self.collate = rows, plan, collate

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> Update:
        planned = self.plan[index]
        micro_batches = [[[self.rows[at] for at in row] for row in micro_batch] for micro_batch in planned]
        records = [record for micro_batch in micro_batches for row in micro_batch for record in row]
        return Update(
            micro_batches=[self.collate(micro_batch) for micro_batch in micro_batches],
            # A label is predicted from the position before it, so position 0 is never trained on.
            trained_tokens=sum(label != IGNORED for record in records for label in record["labels"][1:]),
            tokens=sum(len(record["input_ids"]) for record in records),
        )
