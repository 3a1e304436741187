"""When a training's state is kept, and what belongs to it: killed anywhere, it goes on as if it never was."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import torch

from csft.config import Train
from csft.console import say
from csft.errors import DivergedError, TrainingError
from csft.ranks import ALONE, Ranks
from csft.train import optimizers, randomness, schedules
from csft.train.checkpoints import Checkpoint, Checkpoints, Parts
from csft.train.sharding import for_leader, local, sliced
from csft.train.updates import Counts

WEIGHTS, OPTIMIZER, RANDOM = "weights", "optimizer", "random"  # the files of a checkpoint


@dataclass
class FitResult:
    """What training has done up to its last finished update, the time before a kill included.

    Losses are means over the trained tokens of one update. What another training did of this one, a stage
    that they share, is included, and named in the fields that begin with `shared_`.
    """

    updates: int = 0
    tokens: int = 0  # seen, padding not counted
    trained_tokens: int = 0  # with a label
    seconds: float = 0.0
    first_loss: float = 0.0
    last_loss: float = 0.0
    halvings: int = 0  # times the micro-batch was halved because the GPU's memory was full
    shared_updates: int = 0
    shared_seconds: float = 0.0
    shared_from: str = ""  # the trial that trained them, or the last part of them

    @property
    def tokens_per_s(self) -> float:
        """Tokens per second, padding not counted."""
        return self.tokens / self.seconds if self.seconds else 0.0


class Sharing(Protocol):
    """Who keeps states of this training for others that begin alike."""

    @property
    def points(self) -> Mapping[int, bool]:
        """The updates after which it wants the state; the whole of it, or the weights alone."""

    def save(self, step: int, parts: Parts, state: Mapping[str, Any]) -> None:
        """Keep the state after `step` updates; what cannot be written is said and costs no training."""


class Keeper:
    """Restores a checkpoint before the first update, counts what is done, and writes one when it is due.

    After the last update, `end`, a checkpoint is of the weights alone: no optimiser goes on from there. Of
    several processes the first one writes it, so all have to come here at the same update.
    """

    def __init__(
        self,
        checkpoints: Checkpoints | None,
        start: Checkpoint | None,
        settings: Train,
        device: str,
        *,
        end: int,
        ranks: Ranks = ALONE,
        sharing: Sharing | None = None,
    ) -> None:
        self.checkpoints, self.start, self.settings, self.device = checkpoints, start, settings, device
        self.end, self.ranks, self.sharing = end, ranks, sharing
        self.done = FitResult(**start.state["done"]) if start else FitResult()
        self._kept_at, self._kept_update = time.monotonic(), self.done.updates
        self._latest = start  # what was written last is not written again
        self._parts: dict[str, Any] = {}  # net, optimiser and schedule, once they are made
        self._random = randomness.take(device)
        self.loss, self.counts = 0.0, Counts(0, 0, 0)  # of the update at work, or just done
        self._since = time.perf_counter()

    def check(self, what: str, value: float) -> None:
        """Raise DivergedError where the update at work gave what is no number, before it reaches a weight."""
        if not math.isfinite(value):
            last = self.done.last_loss if self.done.updates else None
            raise DivergedError(what, value, self.done.updates + 1, last)

    def doing(self, loss: float, counts: Counts) -> None:
        """Note what the update at work consists of; it counts when its step is done."""
        self.loss, self.counts = loss, counts

    def begin(self, net: Any, optimizer: Any, schedule: Any) -> None:
        """Restore, once everything is made: making it may have drawn random numbers."""
        self._parts = {"net": net, "optimizer": optimizer, "schedule": schedule}
        if self.start:
            restore(self.start, net, optimizer, schedule, self.device)
        self._random = randomness.take(self.device)
        self._since = time.perf_counter()

    def counted(self, seconds: float | None = None) -> None:
        """Count the update that is done, and the time it took: by default since the last one."""
        done, now = self.done, time.perf_counter()
        done.first_loss = done.first_loss if done.updates else self.loss
        done.last_loss = self.loss
        done.updates += 1
        done.tokens += self.counts.tokens
        done.trained_tokens += self.counts.trained_tokens
        done.seconds += now - self._since if seconds is None else seconds
        self._since = now

    def go_on(self) -> None:
        """Leave the time since the last update out: it was not spent on training."""
        self._since = time.perf_counter()

    def logged(self) -> None:
        """Write a checkpoint when it is due, and what is to be shared: of update n after row n is written."""
        self._random = randomness.take(self.device)
        if self.sharing and self.done.updates in self.sharing.points:
            self.sharing.save(self.done.updates, *self._state(self.sharing.points[self.done.updates]))
        if self.ranks.any(self._due()):
            self.keep()

    def keep(self) -> Checkpoint | None:
        """Write the state after the last finished update; a full disk is said and costs no training."""
        if self.checkpoints is None or not self._parts or not self.done.updates:
            return None
        if self._latest and self._latest.step == self.done.updates:
            return self._latest
        self._kept_at, self._kept_update = time.monotonic(), self.done.updates
        parts, state = self._state(whole=self.done.updates < self.end)
        saved = self._save(self.checkpoints, parts, state) if self.ranks.leads else None
        self._latest = self.ranks.agree(saved)
        return self._latest

    def _state(self, whole: bool) -> tuple[Parts, dict[str, Any]]:
        """Tensors by file, and what JSON holds; without a `whole` one no update can be made."""
        net, state = self._parts["net"], {"done": asdict(self.done)}
        parts = {WEIGHTS: self._gathered(trained_weights(net))}
        if whole:
            tensors, state["optimizer"] = optimizers.state_tensors(self._parts["optimizer"], net)
            state["schedule"] = self._parts["schedule"].state_dict()
            state["random"] = self._random.values
            parts |= {OPTIMIZER: self._gathered(tensors), RANDOM: self._random.tensors}
        return parts, state

    def _save(self, checkpoints: Checkpoints, parts: Parts, state: dict[str, Any]) -> Checkpoint | None:
        try:
            return checkpoints.save(self.done.updates, parts, state)
        except OSError as error:
            what = f"the checkpoint of update {self.done.updates} could not be written"
            say(f"{what} ({error}); training goes on")
            return None

    def _gathered(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """What all processes hold together, in the first one alone."""
        each = ((name, for_leader(tensor, self.ranks)) for name, tensor in tensors.items())
        return {name: tensor for name, tensor in each if tensor is not None}

    def keep_finite(self) -> None:
        """Keep what a training that diverged was before, unless its weights are no numbers already."""
        if self._finite():
            self.keep()

    def _finite(self) -> bool:
        """Tell whether every trained weight is a finite number."""
        weights = trained_weights(self._parts["net"]).values() if self._parts else ()
        return not self.ranks.any(not all(bool(torch.isfinite(local(weight)).all()) for weight in weights))

    def _due(self) -> bool:
        updates, minutes = self.settings.checkpoint_updates, self.settings.checkpoint_minutes
        if updates is not None and self.done.updates - self._kept_update >= updates:
            return True
        return minutes is not None and time.monotonic() - self._kept_at >= 60 * minutes


def trained_weights(net: Any) -> dict[str, torch.Tensor]:
    """The weights that training moves, by name; tied ones once."""
    return {name: weight.detach() for name, weight in net.named_parameters() if weight.requires_grad}


def restore(start: Checkpoint, net: Any, optimizer: Any, schedule: Any, device: str) -> None:
    """Put a checkpoint's state into what was built anew."""
    restore_weights(start, net)
    optimizers.load_state(optimizer, net, start.tensors(OPTIMIZER), start.state["optimizer"])
    schedule.load_state_dict(start.state["schedule"])
    schedules.go_on(schedule)
    randomness.put_back(start.tensors(RANDOM), start.state["random"], device)


def restore_weights(start: Checkpoint, net: Any) -> None:
    """Put a checkpoint's weights into a net of the same names and shapes."""
    kept, ours = start.tensors(WEIGHTS), trained_weights(net)
    if kept.keys() != ours.keys():
        raise TrainingError(f"{start.folder} holds other weights: {sorted(kept.keys() ^ ours.keys())[:4]}.")
    with torch.no_grad():
        for name, weight in ours.items():
            weight.copy_(sliced(kept[name], weight))
