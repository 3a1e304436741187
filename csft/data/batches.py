"""Which records share a micro-batch, and how they become tensors.

padded    [a a a . .]      plain shuffle, rows padded on the right
          [b b b b b]
grouped   the same, but records of like length meet: less padding, batches in random order
packed    [a a a b b b b b]    one row, no padding; positions restart at each record, which keeps
                               attention inside it (block-diagonal; needs use_cache=False)
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from csft.data.encoding import IGNORED
from csft.errors import SettingError

if TYPE_CHECKING:
    import torch

MODES = ("grouped", "padded", "packed")
GROUP = 50  # batches sorted together by length: enough to find like lengths, few enough to stay random

Row = Mapping[str, Sequence[int]]


def batch_plan(
    lengths: NDArray[np.integer] | Sequence[int],
    batch_size: int,
    mode: str = "grouped",
    seed: int = 42,
    epoch: int = 0,
) -> list[list[int]]:
    """Every record once, `batch_size` records a micro-batch (the last may be short), seeded by epoch."""
    if mode not in MODES:
        raise SettingError("batches", mode, ", ".join(MODES))
    if batch_size < 1:
        raise SettingError("batch_size", batch_size, "a whole number of records, at least 1")
    generator = np.random.default_rng([seed, epoch])
    sizes = np.asarray(lengths)
    order = generator.permutation(len(sizes))
    if mode != "grouped":
        return _chunks(order, batch_size)
    groups = (
        group[np.argsort(-sizes[group], kind="stable")]
        for group in np.split(order, range(GROUP * batch_size, len(order), GROUP * batch_size))
    )
    batches = [batch for group in groups for batch in _chunks(group, batch_size)]
    return [batches[at] for at in generator.permutation(len(batches))]


def _chunks(order: NDArray[np.integer], size: int) -> list[list[int]]:
    return [order[at : at + size].tolist() for at in range(0, len(order), size)]


def waste(lengths: NDArray[np.integer] | Sequence[int], plan: Sequence[Sequence[int]], mode: str) -> float:
    """Share of computed token positions that are padding, 0 to 1."""
    if mode == "packed" or not plan:
        return 0.0
    sizes = np.asarray(lengths)
    computed = sum(int(sizes[batch].max()) * len(batch) for batch in map(list, plan))
    return 1.0 - sum(int(sizes[list(batch)].sum()) for batch in plan) / max(computed, 1)


def collate_padded(rows: Sequence[Row], pad_id: int) -> dict[str, "torch.Tensor"]:
    """`input_ids`, `attention_mask`, `labels`, each [records, longest]; padding on the right."""
    import torch

    longest = max(len(row["input_ids"]) for row in rows)

    def pad(values: Sequence[int], filler: int) -> list[int]:
        return [*values, *[filler] * (longest - len(values))]

    return {
        "input_ids": torch.tensor([pad(row["input_ids"], pad_id) for row in rows]),
        "attention_mask": torch.tensor([pad([1] * len(row["input_ids"]), 0) for row in rows]),
        "labels": torch.tensor([pad(row["labels"], IGNORED) for row in rows]),
    }


def collate_packed(rows: Sequence[Row]) -> dict[str, "torch.Tensor"]:
    """`input_ids`, `position_ids`, `labels`, each [1, all tokens]; no attention mask.

    A record's first label is masked: what stands before it in the row belongs to another record.
    """
    import torch

    ids = [token for row in rows for token in row["input_ids"]]
    positions = [at for row in rows for at in range(len(row["input_ids"]))]
    labels = [label for row in rows for label in (IGNORED, *row["labels"][1:])]
    return {
        "input_ids": torch.tensor([ids]),
        "position_ids": torch.tensor([positions]),
        "labels": torch.tensor([labels]),
    }
