"""What someone else does between two updates: looks on after each, and takes an exam after so many epochs.

    updates   ▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓▓▓│▓▓▓▓▓▓▓▓▓▓   4 epochs, every = 1
    rungs               1          2          3          (4: the exam at the end of the trial)

Training goes on as if nobody had been there: the same random numbers, the same bits.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from csft.errors import PrunedError
from csft.train import randomness
from csft.train.keeping import Keeper
from csft.train.progress import Progress
from csft.train.updates import Epochs


def rung(before: float, epoch: float, every: float) -> int:
    """The exam that is due after the update that led from `before` to `epoch` epochs passed; 0 for none.

    Exam k is due when k · `every` epochs have passed. Of several that one update makes due it is the last.
    """
    passed = [math.floor(one / every + 1e-9) for one in (before, epoch)]
    return passed[1] if passed[1] > passed[0] else 0


@dataclass(frozen=True)
class Visit:
    """Who looks on. What they raise ends the training."""

    updated: Callable[[int, int, float], None] = lambda done, of, epoch: None
    """After every update that is logged: updates done, of how many, epochs passed."""
    every: float | None = None
    """Epochs between calls of `at_rung`; None: it is not called."""
    at_rung: Callable[[int, int, float], None] = lambda rung, update, epoch: None
    """Exam `rung` is due after `update`, at `epoch`; the state is kept. Not called after the last update."""


NOBODY = Visit()


class Visitor:
    """Lets the visit happen, when an update is logged and kept: what it ends is not lost."""

    def __init__(self, visit: Visit, plan: Epochs, keeper: Keeper, progress: Progress) -> None:
        self.visit, self.plan, self.keeper, self.progress = visit, plan, keeper, progress

    def begin(self) -> None:
        """An exam that an earlier attempt did not live to take."""
        if self.keeper.start:
            self._at_rung()

    def updated(self) -> None:
        """After an update."""
        done = self.keeper.done.updates
        try:
            self.visit.updated(done, len(self.plan), self.plan.passed(done))
        except PrunedError:
            raise  # nobody will go on
        except Exception:
            if self.keeper.ranks.count == 1:  # several would have to keep it together
                self.keeper.keep()
            raise
        self._at_rung()

    def _at_rung(self) -> None:
        done, every, device = self.keeper.done.updates, self.visit.every, self.keeper.device
        if every is None or done == len(self.plan):
            return
        epoch = self.plan.passed(done)
        if number := rung(self.plan.passed(done - 1) if done > 1 else 0.0, epoch, every):
            self.keeper.keep()
            before = randomness.take(device)
            self.visit.at_rung(number, done, epoch)
            randomness.put_back(before.tensors, before.values, device)
            if device.startswith("cuda"):
                torch.cuda.empty_cache()  # what an exam held is of other sizes than what training needs
            self.keeper.go_on()
            self.progress.go_on()
