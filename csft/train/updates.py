"""Updates as data: every optimiser step is planned, collated and counted before the loop sees it.

One item is one update, so that a short last batch, micro-batches and the loss over all trained tokens of the
update are settled here and the loop has no arithmetic of its own. A plan names, for every update, its
micro-batches, their rows, and the records of each row (most often one):

    plan    [[[[7], [2]], [[9], [4]]], [[[1, 8], [3]], [[0]]]]
    item 0  {micro_batches: [tensors of 7 and 2, of 9 and 4], counts: (80 tokens, 57 of them trained on, …)}
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, Protocol, TypedDict

from torch import Tensor, full_like
from torch.utils.data import Dataset

from csft.ranks import ALONE, Ranks

NOTHING_LEFT = "mix: no record with a trained token is left; add datasets or raise cutoff."
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


class Counts(NamedTuple):
    """What an update consists of, padding not counted; of several processes, in all of them together."""

    tokens: int
    trained_tokens: int  # with a label
    squares: int  # squared lengths of its records: what attention's work grows with

    @classmethod
    def of(cls, records: Sequence[Record]) -> "Counts":
        """Count records as training sees them."""
        lengths = [len(record["input_ids"]) for record in records]
        # A label is predicted from the position before it, so position 0 is never trained on.
        trained = sum(label != IGNORED for record in records for label in record["labels"][1:])
        return cls(sum(lengths), trained, sum(length**2 for length in lengths))


class Update(TypedDict):
    """The micro-batches of one optimiser step; of several processes each has its own."""

    micro_batches: list[dict[str, Tensor]]
    counts: Counts


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

    def parts(self) -> list[tuple[Sequence[UpdatePlan], int]]:
        """Each epoch's plan and how many of its updates are taken."""
        taken = [end - begin for begin, end in pairwise(self._ends)]
        return list(zip(self._plans, taken, strict=True))

    def passed(self, updates: int) -> float:
        """Epochs done after that many updates, at least 1."""
        epoch = bisect_left(self._ends, updates) - 1
        return epoch + (updates - self._ends[epoch]) / self._sizes[epoch]


class Updates(Dataset[Update]):
    """A planned sequence of updates over rows."""

    def __init__(
        self, rows: Rows, plan: Plans, collate: Collate, halvings: int = 0, ranks: Ranks = ALONE
    ) -> None:
        self.rows, self.plan, self.collate, self.halvings = rows, plan, collate, halvings
        self.ranks = ranks

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: int) -> Update:
        planned = self.plan[index]
        for _ in range(self.halvings):
            planned = [half for micro_batch in planned for half in halves(micro_batch)]
        micro_batches = [[[self.rows[at] for at in row] for row in micro_batch] for micro_batch in planned]
        records = [record for micro_batch in micro_batches for row in micro_batch for record in row]
        return Update(micro_batches=self._share(micro_batches), counts=Counts.of(records))

    def _share(self, micro_batches: list[list[list[Record]]]) -> list[dict[str, Tensor]]:
        """Every `count`-th micro-batch, and a row without labels where other processes have one more.

        Under fsdp a layer's weights are gathered from all processes, so all must compute it as often.
        """
        mine = [self.collate(one) for one in micro_batches[self.ranks.rank :: self.ranks.count]]
        if len(mine) * self.ranks.count < len(micro_batches):
            row = self.collate(micro_batches[0][:1])
            mine.append({**row, "labels": full_like(row["labels"], IGNORED)})
        return mine


def halves(micro_batch: Sequence[Sequence[int]]) -> list[Sequence[Sequence[int]]]:
    """Split a micro-batch by its rows, a single row by its records; a single record stays as it is."""
    if len(micro_batch) > 1:
        middle = (len(micro_batch) + 1) // 2
        return [micro_batch[:middle], micro_batch[middle:]]
    (row,) = micro_batch
    middle = (len(row) + 1) // 2
    return [[row[:middle]], [row[middle:]]] if len(row) > 1 else [micro_batch]
