"""Which records share a row, a micro-batch and an update, and how they become tensors.

padded    [a a a . .]        plain shuffle, a record a row, padded on the right
          [b b b b b]
grouped   the same, but records of like length meet: less padding, updates in random order
packed    [a a a b b b b b]  plain shuffle, a micro-batch's records joined into one row: no padding
best_fit  [a a a c c c c]    rows of up to `cutoff` tokens, filled by csft/data/packing.py from shuffled
          [b b b b b d .]    records: next to no padding, and rows, not records, are counted

In a row of several records positions restart at each, which keeps attention inside it (block-diagonal; needs
use_cache=False). An update has `batch` rows, so under best_fit it has several times the records and tokens
it has in the other modes, and an epoch has as many fewer updates: compare learning rates with that in mind.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from csft.data.encoding import IGNORED
from csft.data.packing import fill_rows
from csft.errors import SettingError

if TYPE_CHECKING:
    import torch

SHARED_ROWS = ("packed", "best_fit")  # several records in a row
MODES = ("grouped", "padded", *SHARED_ROWS)
GROUP = 50  # updates sorted together by length: enough to find like lengths, few enough to stay random

Record = Mapping[str, Sequence[int]]
MicroBatch = list[list[int]]  # rows of records
Flat = NDArray[np.int64]


@dataclass(frozen=True)
class Plan(Sequence[list[MicroBatch]]):
    """The updates of one epoch, kept flat: at millions of records lists of lists would take gigabytes.

    Row r holds `records[start[r]:start[r + 1]]`. An update is `batch` rows in micro-batches of `micro_batch`;
    only the last of an epoch may be short. With `joined` a micro-batch is computed as one row.
    """

    records: Flat
    start: Flat
    batch: int
    micro_batch: int
    joined: bool

    @property
    def rows(self) -> int:
        """How many rows the epoch has."""
        return len(self.start) - 1

    def __len__(self) -> int:
        return math.ceil(self.rows / self.batch)

    def __getitem__(self, at: int) -> list[MicroBatch]:  # type: ignore[override]  # no slices
        if not 0 <= at < len(self):
            raise IndexError(at)
        end = min((at + 1) * self.batch, self.rows)
        bounds = self.start[at * self.batch : end + 1].tolist()
        rows = [self.records[a:b].tolist() for a, b in pairwise(bounds)]
        return [rows[first : first + self.micro_batch] for first in range(0, len(rows), self.micro_batch)]


def batch_plan(
    lengths: NDArray[np.integer] | Sequence[int],
    batch: int,
    mode: str = "grouped",
    seed: int = 42,
    epoch: int = 0,
    *,
    micro_batch: int | None = None,
    cutoff: int | None = None,
    chosen: NDArray[np.integer] | None = None,
    attention: str = "sdpa",
) -> Plan:
    """Plan an epoch over `chosen` records, as often as each is named (default: all once), shuffled anew.

    `lengths` are tokens of every record, `batch` and `micro_batch` (default: `batch`) count rows, `cutoff` is
    the tokens of a best_fit row.
    """
    _check(batch, mode, micro_batch)
    generator, sizes = np.random.default_rng([seed, epoch]), np.asarray(lengths)
    order = generator.permutation(np.arange(len(sizes)) if chosen is None else np.asarray(chosen))
    start = np.arange(len(order) + 1)
    if mode == "grouped":
        order = _grouped(order, sizes[order], batch, generator)
    elif mode == "best_fit":
        if cutoff is None:
            raise SettingError("cutoff", cutoff, "the tokens of a row, where train.batching=best_fit")
        rows = fill_rows(sizes[order], cutoff)
        rows = [rows[at] for at in generator.permutation(len(rows))]
        start = np.cumsum([0, *map(len, rows)])
        order = order[np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=len(order))]
    return Plan(order, start, batch, micro_batch or batch, joins(mode, attention))


def joins(mode: str, attention: str) -> bool:
    """Whether a micro-batch is computed as one row.

    Flash-attention (`attention="flash_attention_…"`) tells records apart only in a row that is computed
    alone, and `"sdpa_varlen"` needs no padding, so best_fit's micro-batches are joined for both.
    """
    return mode == "packed" or (mode == "best_fit" and attention.startswith(("flash", "sdpa_varlen")))


def _check(batch: int, mode: str, micro_batch: int | None) -> None:
    if mode not in MODES:
        raise SettingError("train.batching", mode, ", ".join(MODES))
    if batch < 1:
        raise SettingError("train.batch", batch, "a whole number of rows, at least 1")
    if micro_batch is not None and micro_batch < 1:
        raise SettingError("train.micro_batch", micro_batch, "a whole number of rows, at least 1")


def _grouped(order: Flat, sizes: Flat, batch: int, generator: np.random.Generator) -> Flat:
    """Sort within groups of `GROUP` updates, longest first, then shuffle the updates, the short one last."""
    whole = len(order) - len(order) % batch
    group = np.arange(len(order)) // (GROUP * batch)
    group[whole:] = len(order)
    order = order[np.lexsort((-sizes, group))]
    updates = order[:whole].reshape(-1, batch)
    return np.concatenate([generator.permutation(updates).ravel(), order[whole:]])


def waste(lengths: NDArray[np.integer] | Sequence[int], plan: Plan) -> float:
    """Share of the token positions computed in an epoch that are padding, 0 to 1."""
    if plan.joined or not plan.rows:
        return 0.0
    rows = np.add.reduceat(np.asarray(lengths, dtype=np.int64)[plan.records], plan.start[:-1])
    row = np.arange(plan.rows)
    first = np.flatnonzero(row % plan.batch % plan.micro_batch == 0)  # of each micro-batch
    computed = np.maximum.reduceat(rows, first) * np.diff([*first, plan.rows])
    return 1.0 - float(rows.sum() / max(computed.sum(), 1))


def collate(
    rows: Sequence[Sequence[Record]], pad_id: int, joined: bool = False, attention: str = "sdpa"
) -> dict[str, Any]:
    """Rows of records to `input_ids`, `labels` and `attention_mask` or `position_ids`, each [rows, longest].

    Padding is on the right. Where a row holds several records or is joined, positions tell them apart, 0 on
    padding, and there is no mask. A record's first label is masked: what stands before it is another record.
    For the packages of flash-attention (`attention="flash_attention_…"`) a row computed alone says where its
    records begin and end: left to itself transformers asks the GPU, and waits for it, in every layer.
    """
    import torch

    if joined:
        rows = [list(chain.from_iterable(rows))]
    ids = [[token for record in row for token in record["input_ids"]] for row in rows]
    labels = [[label for record in row for label in (IGNORED, *record["labels"][1:])] for row in rows]
    longest = max(map(len, ids))

    def pad(values: Sequence[Sequence[int]], filler: int) -> "torch.Tensor":
        return torch.tensor([[*row, *[filler] * (longest - len(row))] for row in values])

    batch = {"input_ids": pad(ids, pad_id), "labels": pad(labels, IGNORED)}
    alone = len(rows) == 1 and attention.startswith("flash")
    if not (joined or alone) and all(len(row) == 1 for row in rows):
        return {**batch, "attention_mask": pad([[1] * len(row) for row in ids], 0)}
    positions = [[at for record in row for at in range(len(record["input_ids"]))] for row in rows]
    batch["position_ids"] = pad(positions, 0)
    return {**batch, **_bounds(rows[0])} if alone else batch


def _bounds(row: Sequence[Record]) -> dict[str, Any]:
    """Where the records of a row begin and end, under transformers' names for it (FlashAttentionKwargs)."""
    import torch

    sizes = [len(record["input_ids"]) for record in row]
    bounds = torch.tensor([0, *accumulate(sizes)], dtype=torch.int32)
    return {
        **dict.fromkeys(("cu_seq_lens_q", "cu_seq_lens_k"), bounds),
        **dict.fromkeys(("max_length_q", "max_length_k"), max(sizes)),
    }
