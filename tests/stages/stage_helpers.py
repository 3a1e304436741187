"""Trainings of a tiny net that differ in how they end, each with its part in the stages of a folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from csft import model, stages
from csft.config import Train
from csft.data.batches import batch_plan, collate
from csft.stages import Promised, Route, Sharing, Store, Tail
from csft.train import Checkpoint, Checkpoints, Epochs, fit, rates

POOL, DRAWN, LR = 30, 14, 1e-2  # records there are, and of them in an epoch that draws anew
SETTINGS = Train(batch=4, micro_batch=2, checkpoint_minutes=0)
FIGURES = ("train/loss", "train/lr", "train/grad_norm", "train/epoch")


def tail(epochs: float, schedule: str = "constant", decay: float = 0.4) -> Tail:
    return Tail(epochs, schedule, 0.0, 2, decay)


class Records:
    """Records of 6 to 19 random tokens; row k is record `chosen[k]`."""

    def __init__(self, chosen: np.ndarray) -> None:
        self.chosen = chosen
        chance = np.random.default_rng(0)
        every = [chance.integers(3, 64, size=int(chance.integers(6, 20))).tolist() for _ in range(POOL)]
        self.rows = [every[at] for at in chosen]
        self.lengths = np.array([len(row) for row in self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: int) -> dict[str, list[int]]:
        return {"input_ids": self.rows[at], "labels": [-100] * 3 + self.rows[at][3:]}

    def origins(self, rows: np.ndarray) -> np.ndarray:
        return np.asarray(self.chosen[rows])


@dataclass
class Data:
    """All records in every epoch, or some of them drawn anew; then a training has the rows it draws alone."""

    anew: bool = False
    batching: str = "grouped"
    made: dict[int, tuple[Records, list[Any]]] = field(default_factory=dict)

    def over(self, epochs: float) -> tuple[Records, list[Any]]:
        """Rows and the plan of each epoch."""
        number = int(np.ceil(epochs))
        if number not in self.made:
            draws = [
                np.sort(np.random.default_rng(e).choice(POOL, DRAWN, replace=False))
                if self.anew
                else np.arange(POOL)
                for e in range(number)
            ]
            rows = Records(np.unique(np.concatenate(draws)))
            plans = [
                batch_plan(
                    rows.lengths,
                    4,
                    self.batching,
                    1,
                    e,
                    micro_batch=2,
                    cutoff=32,
                    chosen=np.searchsorted(rows.chosen, drawn),
                )
                for e, drawn in enumerate(draws)
            ]
            self.made[number] = rows, plans
        return self.made[number]

    def route(self, one: Tail, lr: float = LR) -> tuple[Route, Records, Callable[[int], Any]]:
        rows, plans = self.over(one.epochs)
        plan = Epochs(plans.__getitem__, one.epochs)
        return Route(plan, rates(one.put_on(SETTINGS), lr, len(plan)), rows.origins), rows, plans.__getitem__


@dataclass
class Left:
    """What a training leaves that does not depend on the clock."""

    log: list[tuple[int, list[float]]]
    weights: dict[str, Tensor]
    counts: list[float]
    begun: int  # the update after which it began to train itself

    def same(self, other: "Left") -> bool:
        """Rows before `begun` are another trial's."""
        both = self.log, [row for row in other.log if row[0] > self.begun]
        return (
            both[0] == both[1]
            and self.counts == other.counts
            and all(torch.equal(weight, other.weights[name]) for name, weight in self.weights.items())
        )


def net_for(method: str) -> Any:
    torch.manual_seed(0)
    sizes = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    net = LlamaForCausalLM(LlamaConfig(**sizes, intermediate_size=32))
    return model.adapt(net, method, rank=2, alpha=4, dropout=0.2 if method == "lora" else 0)


def sharing(
    folder: Path, one: Tail, siblings: Sequence[Tail] = (), data: Data | None = None, **more: Any
) -> Sharing:
    """A training's part in the stages under `folder`, with a point wherever a sibling parts from it."""
    data = data or Data()
    route = data.route(one)[0]
    points = route.points(data.route(other)[0] for other in siblings if other != one)
    given = {"family": "f" * 64, "most": 1e9, "trial": f"{one.schedule}-{one.epochs:g}", **more}
    store = Store(folder / ".stages", given["most"])
    return Sharing(store, given["family"], given["trial"], route=route, points=points)


def train(
    folder: Path,
    one: Tail,
    shared: Sharing | None = None,
    *,
    data: Data | None = None,
    method: str = "full",
    own: Checkpoints | None = None,
    die_at: int | None = None,
) -> Left:
    """Train it, from a checkpoint of its `own` or a stage; `die_at` ends it in the middle of that update."""
    log: list[tuple[int, list[float]]] = []

    def note(step: int, values: dict[str, float]) -> None:
        log.append((step, [values[name] for name in FIGURES]))
        if step == die_at:
            raise KilledError

    route, rows, plan = (data or Data()).route(one)
    net = net_for(method)
    start: Checkpoint | Promised | None = own.latest() if own else None
    if shared:
        start = shared.claim(start)
    assert not isinstance(start, Promised)
    try:
        done = fit(
            net,
            rows,
            plan,
            partial(collate, pad_id=2),
            one.put_on(SETTINGS),
            epochs=one.epochs,
            lr=LR,
            seed=1,
            device="cpu",
            scratch=str(folder),
            log=note,
            checkpoints=own,
            start=start,
            sharing=shared,
        )
    finally:
        if shared:
            shared.end()
    weights = {name: weight.detach().clone() for name, weight in net.named_parameters()}
    assert done.updates == len(route)
    counts = [done.updates, done.tokens, done.trained_tokens, done.first_loss, done.last_loss]
    return Left(log, weights, counts, start.step if start else 0)


class KilledError(Exception):
    """Stands for what nobody can catch."""


__all__ = ["SETTINGS", "Data", "KilledError", "Left", "sharing", "stages", "tail", "train"]
