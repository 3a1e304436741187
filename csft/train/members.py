"""One training among several on a base: what it brings, and what it has for itself while it lasts."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from csft.config import Train
from csft.errors import TrainingError
from csft.train import optimizers, schedules
from csft.train.checkpoints import Checkpoint, Checkpoints
from csft.train.course import Course
from csft.train.keeping import FitResult, Keeper, Sharing, restore_weights
from csft.train.progress import Log
from csft.train.speed import Meter
from csft.train.updates import NOTHING_LEFT, Counts, EpochPlan, Epochs, Record, Rows
from csft.train.visiting import NOBODY, Visit


@dataclass(frozen=True)
class Member:
    """A training in the words of `csft.train.fit`; `net` is what `adapt` made on a shell of the base.

    There is no seed: what is not random in a training without dropout was drawn before, by `adapt` and the
    plan. There is no collate: records share a row with those of others, which changes no result.
    """

    net: Any
    rows: Rows
    epoch_plan: EpochPlan
    settings: Train
    epochs: float
    lr: float
    log: Log
    checkpoints: Checkpoints | None = None
    start: Checkpoint | None = None
    meter: Meter | None = None
    visit: Visit = NOBODY
    sharing: Sharing | None = None
    name: str = "training"  # of its bar


class Slope(NamedTuple):
    """An update's loss, and the norm of its gradients, [], before they are clipped."""

    loss: float
    norm: Tensor

    @property
    def finite(self) -> bool:
        """Whether both are numbers."""
        return math.isfinite(self.loss) and math.isfinite(float(self.norm))


class Step(NamedTuple):
    """A step that was taken: its loss, learning rate and gradient norm."""

    loss: float
    rate: float
    norm: float


class Training:
    """A member at work: its plan, optimiser, schedule, state and course. TrainingError for an empty plan."""

    def __init__(self, member: Member, device: str) -> None:
        chosen = self.settings = member.settings
        self.member, self.net = member, member.net
        self.plan = Epochs(member.epoch_plan, member.epochs)
        if not len(self.plan):
            raise TrainingError(NOTHING_LEFT)
        self.weights = [weight for weight in self.net.parameters() if weight.requires_grad]
        self.optimizer = optimizers.build(self.net, chosen.optimizer, member.lr, chosen.weight_decay)
        self.schedule = schedules.build(self.optimizer, chosen, len(self.plan))
        self.keeper = Keeper(
            member.checkpoints, member.start, chosen, device, end=len(self.plan), sharing=member.sharing
        )
        self.counts = Counts(0, 0, 0)  # of the update at work
        self._course: Course | None = None
        self._meter = member.meter or Meter(device)

    @property
    def done(self) -> FitResult:
        """What it has done so far."""
        return self.keeper.done

    @property
    def over(self) -> bool:
        """Whether no update is left."""
        return self.done.updates >= len(self.plan)

    def begin(self) -> None:
        """Restore what it goes on from, before its first update here; an exam may be due."""
        if self._course is not None:
            return
        if self.over and self.member.start:
            restore_weights(self.member.start, self.net)
            return
        member = self.member
        self._course = Course(self.keeper, self.plan, member.log, self._meter, member.visit, name=member.name)
        self._course.begin(self.net, self.optimizer, self.schedule)

    def records(self) -> list[Record]:
        """Those of the next update, in whatever rows and micro-batches they are planned."""
        update = self.plan[self.done.updates]
        found = [self.member.rows[at] for micro_batch in update for row in micro_batch for at in row]
        self.counts = Counts.of(found)
        return found

    def norm(self) -> Tensor:
        """Of all its gradients together."""
        return torch.nn.utils.get_total_norm([w.grad for w in self.weights if w.grad is not None])

    def step(self, slope: Slope) -> Step:
        """Clip and move the weights; DivergedError, and no step, where a number is not finite."""
        norm = float(slope.norm)
        self.keeper.check("loss", slope.loss)
        self.keeper.check("gradient norm", norm)
        self.keeper.doing(slope.loss, self.counts)
        torch.nn.utils.clip_grads_with_norm_(self.weights, self.settings.clip, slope.norm)
        self.optimizer.step()
        rate = float(self.schedule.get_last_lr()[0])
        self.schedule.step()
        self.forget_gradients()
        return Step(slope.loss, rate, norm)

    def forget_gradients(self) -> None:
        """None are left."""
        for weight in self.weights:
            weight.grad = None

    def tell(self, step: Step, seconds: float) -> None:
        """Count, log, keep and show the update that took this training `seconds`."""
        assert self._course is not None
        self._course.counted(seconds)
        self._course.logged(step.loss, step.rate, step.norm, seconds)

    def close(self) -> None:
        """Take its bar off."""
        if self._course is not None:
            self._course.close()
