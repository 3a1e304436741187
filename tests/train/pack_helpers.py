"""Small trainings, each to be done alone or with others on one base."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from train_helpers import FIGURES, ListRows, Logged, some_rows

from csft import model
from csft.config import Train
from csft.data import batch_plan, collate, joins
from csft.model.shells import shell
from csft.train import Ended, FitResult, Member, TrainTogether, fit

PLAIN = Train(batch=4, micro_batch=2, checkpoint_minutes=None)
joined = partial(collate, pad_id=2, joined=True)
Figures = list[list[float]]


@dataclass(frozen=True)
class Trial:
    """One training; another seed has other records, another order and another adapter."""

    lr: float = 1e-2
    epochs: float = 2
    rank: int = 4
    alpha: float = 8
    rslora: bool = False
    seed: int = 1
    targets: Any = "all-linear"
    records: int = 10
    cutoff: int = 20
    settings: Train = PLAIN

    @property
    def rows(self) -> ListRows:
        """Its records, cut off."""
        rows = some_rows(self.records + self.seed).rows[self.seed :]
        return ListRows([{name: ids[: self.cutoff] for name, ids in row.items()} for row in rows])

    def net(self, base: Any) -> Any:
        """A new adapter."""
        how = {"targets": self.targets, "rslora": self.rslora, "seed": self.seed}
        return model.adapt(shell(base), "lora", self.rank, self.alpha, **how)

    def plan(self, epoch: int) -> Any:
        """Batches as a trial has them."""
        chosen, lengths = self.settings, self.rows.lengths
        return batch_plan(
            lengths,
            chosen.batch,
            chosen.batching,
            self.seed,
            epoch,
            micro_batch=chosen.micro_batch,
            cutoff=self.cutoff,
        )

    def alone(self, base: Any, folder: Path, **more: Any) -> tuple[FitResult, Any, Figures]:
        """Result, net and figures of the training by itself."""
        net, log = self.net(base), []
        given = {"log": lambda step, values: log.append((step, values)), **more}
        result = fit(
            net,
            self.rows,
            self.plan,
            partial(collate, pad_id=2, joined=joins(self.settings.batching, "sdpa")),
            self.settings,
            epochs=self.epochs,
            lr=self.lr,
            seed=self.seed,
            device="cpu",
            scratch=str(folder),
            **given,
        )
        return result, net, figures(log)

    def member(self, base: Any, log: Logged | None = None, **more: Any) -> Member:
        """The same as one of several, which writes to `log`."""
        written: Logged = [] if log is None else log
        given = {"log": lambda step, values: written.append((step, values)), **more}
        return Member(self.net(base), self.rows, self.plan, self.settings, self.epochs, self.lr, **given)


def figures(log: Logged) -> Figures:
    """What does not depend on the clock."""
    return [[step, *(values[name] for name in FIGURES)] for step, values in log]


def several(base: Any, *members: Member, **more: Any) -> TrainTogether:
    """Members on a base, numbered as they come."""
    group = TrainTogether(base, "cpu", joined, **more)
    for number, member in enumerate(members):
        group.join(number, member)
    return group


def until_empty(group: TrainTogether) -> dict[int, Ended]:
    """How each member ended."""
    ended: dict[int, Ended] = {}
    while len(group):
        ended |= {one.number: one for one in group.update()}
    return ended


def weights(net: Any) -> dict[str, torch.Tensor]:
    """What is trained of a net."""
    return {name: weight.detach() for name, weight in net.named_parameters() if weight.requires_grad}


def poisoned(member: Member) -> Member:
    """One of its weights is no number."""
    with torch.no_grad():
        next(iter(weights(member.net).values()))[0, 0] = float("nan")
    return member
