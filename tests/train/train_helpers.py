"""A tiny net, a few encoded records, and `fit` on them."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from csft.config import Train
from csft.data.batches import collate
from csft.train import fit

Logged = list[tuple[int, dict[str, float]]]


class ListRows:
    """Encoded records in a list."""

    def __init__(self, rows: list[dict[str, list[int]]]) -> None:
        self.rows, self.lengths = rows, np.array([len(row["input_ids"]) for row in rows])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        return self.rows[index]


def batch_of(*rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Rows of records as tensors."""
    return collate(rows, pad_id=2)


def alone(rows: ListRows) -> list[list[int]]:
    """A row for every record."""
    return [[at] for at in range(len(rows))]


def in_order(rows: list[list[int]], settings: Train) -> Any:
    """Rows of records as they are, `batch` to an update."""

    def chunks(items: list[Any], size: int) -> list[Any]:
        return [items[at : at + size] for at in range(0, len(items), size)]

    plan = [chunks(update, settings.micro_batch) for update in chunks(rows, settings.batch)]
    return lambda epoch: plan


def tiny(**changes: int) -> LlamaForCausalLM:
    """A Llama of one layer, the same weights each time."""
    torch.manual_seed(0)
    sizes = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(**{**sizes, "intermediate_size": 32, **changes}))


def some_rows(count: int = 10) -> ListRows:
    """Records of 6 to 19 random tokens; the first three are not trained on."""
    chance = np.random.default_rng(0)
    rows = []
    for _ in range(count):
        ids = chance.integers(3, 64, size=int(chance.integers(6, 20))).tolist()
        rows.append({"input_ids": ids, "labels": [-100] * 3 + ids[3:]})
    return ListRows(rows)


FIGURES = ("train/loss", "train/lr", "train/grad_norm", "train/epoch")


def figures(log: Logged) -> list[tuple[int, list[float]]]:
    """What does not depend on the clock."""
    return [(step, [values[name] for name in FIGURES]) for step, values in log]


def run(
    net: Any,
    rows: ListRows,
    folder: Path,
    settings: Train,
    epochs: float = 1,
    lr: float = 1e-2,
    plan: list[list[int]] | None = None,
    **more: Any,
) -> tuple[Any, Logged]:
    """Fit, and give the result with what was logged; `more` goes to `fit` (`log` may replace the log)."""
    log: Logged = []
    given = {"log": lambda step, values: log.append((step, values)), **more}
    result = fit(
        net,
        rows,
        in_order(alone(rows) if plan is None else plan, settings),
        partial(collate, pad_id=2),
        settings,
        epochs=epochs,
        lr=lr,
        seed=1,
        device="cpu",
        scratch=str(folder),
        **given,
    )
    return result, log
