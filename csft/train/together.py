"""Several trainings of adapters on one frozen base: one pass over it for all, and everything else apart.

    rows of members  ▓▓▓▓▓▓ ░░░░░ ▒▒▒▒▒▒▒▒   one forward and backward pass, or several where it would be long
    gradients        ▓      ░     ▒          each in its own adapter
    clip, step, log  ▓      ░     ▒          each as if it were alone; whoever ends leaves

A member has its own rows, plan, optimiser, schedule, clipping, counters, checkpoints and visits, and equals
`csft.train.fit` on its own within rounding. transformers' Trainer, which `fit` runs in, cannot do this: it
has one optimiser, one schedule, one loss and one end. What surrounds an update is the same code for both
(csft/train/course.py).

A member notices nothing of its neighbours. Where numbers of several are not finite after an update's passes,
each of these is computed again alone, so that only those end that would have anyway.
"""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from csft.console import say
from csft.errors import DivergedError, MemoryFullError, ModelError
from csft.model import choose_attention
from csft.model.together import Together
from csft.stopping import AskedError, StopRequest, stop_requests
from csft.train.keeping import FitResult
from csft.train.loss import runs_head_alone
from csft.train.members import Member, Slope, Step, Training
from csft.train.pack_plan import MOST_TOKENS
from csft.train.passes import Stretch, differentiate, divide
from csft.train.updates import Collate, Record

__all__ = ["Ended", "Member", "TrainTogether", "unfit"]


# These would fill a square over the tokens of all members, most of which is masked.
MASKED = ("sdpa", "eager")


class Ended(NamedTuple):
    """A member that is in training no longer: what it has done, or what ended it."""

    number: int
    result: FitResult | None
    error: BaseException | None = None


def unfit(base: Any) -> str | None:
    """Why adapters of this base cannot be trained together; None where they can."""
    if not runs_head_alone(base):
        return f"{type(base).__name__} makes its own loss"
    if getattr(base.config, "attention_dropout", 0.0):
        return "its attention has dropout"
    return None


class TrainTogether:
    """Trainings that take their updates at the same time.

    `collate` makes one row of all records it is given: `csft.data.collate(…, joined=True)`. `most_tokens` is
    the length of a pass over the base; it decides speed and memory, and no result. With
    `gradient_checkpointing` blocks are computed twice, for all members or for none. ModelError for a base
    that is `unfit`.
    """

    def __init__(
        self,
        base: Any,
        device: str,
        collate: Collate,
        *,
        gradient_checkpointing: bool = False,
        most_tokens: int | None = None,
    ) -> None:
        if why := unfit(base):
            raise ModelError(f"Adapters of this base cannot be trained together: {why}. Set study.pack=1.")
        self.device, self.collate = device, collate
        self.most_tokens = most_tokens or MOST_TOKENS[device.partition(":")[0]]
        self.together = Together(base)
        net = self.together.net.requires_grad_(False)
        if net.config._attn_implementation in MASKED:
            net.set_attn_implementation(choose_attention("varlen", device)[0])
        self._checkpointing = gradient_checkpointing
        if gradient_checkpointing:
            net.gradient_checkpointing_enable()
        self._trainings: dict[int, Training] = {}
        self._ended: list[Ended] = []
        self.spent: dict[int, float] = {}
        """Seconds of the last `update` by member: its share of what is joint, and its own log and visit."""

    def __len__(self) -> int:
        return len(self._trainings)

    @property
    def members(self) -> tuple[int, ...]:
        """Those in training, in the order they joined in."""
        return tuple(self._trainings)

    def join(self, number: int, member: Member) -> None:
        """Let a training take part from the next update on, from its `start` where it has one.

        TrainingError when it has nothing to train on, ModelError for an adapter that cannot be routed.
        """
        if number in self._trainings:
            raise ValueError(f"member {number} is in training already")
        training = Training(member, self.device)
        self.together.join(number, member.net)
        self._trainings[number] = training

    def leave(self, number: int) -> None:
        """Take a training out as it is; nothing is kept."""
        training = self._trainings.pop(number)
        self.together.leave(number)
        training.forget_gradients()
        training.close()

    def keep(self) -> None:
        """Write the states of all members, as after each one's last update."""
        for training in self._trainings.values():
            training.keeper.keep()

    def update(self) -> list[Ended]:
        """Take one update of every member; gives those that it was the last one of, or that it ended.

        Of a member that ended in an error the state is kept as `csft.train.fit` would. A signal ends all:
        AskedError, their states kept. So does a record that alone fills the memory: MemoryFullError.
        """
        self.spent, self._ended = dict.fromkeys(self._trainings, 0.0), []
        try:
            with stop_requests() as stop:
                self._update(stop)
                stop.heed()
        except (AskedError, MemoryFullError):
            self.keep()
            raise
        return self._ended

    def _update(self, stop: StopRequest) -> None:
        for number in self.members:
            with self._timed(number), self._alone(number) as training:
                training.begin()
        self._end_finished()
        started = time.perf_counter()
        moved = self._move(stop)
        shares = self._share_out(time.perf_counter() - started)
        for number, step in moved.items():
            with self._timed(number), self._alone(number) as training:
                training.tell(step, shares[number])
        self._end_finished()

    def _move(self, stop: StopRequest) -> dict[int, Step]:
        """Everybody's weights by one update."""
        records: dict[int, list[Record]] = {}
        for number in self.members:
            with self._alone(number) as training:
                records[number] = training.records()
        moved = {}
        for number, slope in self._slopes(records, stop).items():
            with self._alone(number) as training:
                moved[number] = training.step(slope)
        return moved

    def _slopes(self, records: Mapping[int, list[Record]], stop: StopRequest) -> dict[int, Slope]:
        """Losses and gradients; what is not finite is the member's own, not of one it shared a row with."""
        found = self._differentiate(records, stop)
        doubtful = [number for number, slope in found.items() if not slope.finite]
        if len(doubtful) > 1:
            for number in doubtful:
                found |= self._differentiate({number: records[number]}, stop)
        return found

    def _differentiate(self, records: Mapping[int, list[Record]], stop: StopRequest) -> dict[int, Slope]:
        passes = divide(records, self.most_tokens)
        while True:
            for number in records:
                self._trainings[number].forget_gradients()
            try:
                losses = self._run(passes, records, stop)
                break
            except torch.OutOfMemoryError as error:
                full = str(error)
            # Out of the handler, whose traceback held the tensors that filled the memory.
            passes = self._halved(passes, records, full)
        return {number: Slope(float(loss), self._trainings[number].norm()) for number, loss in losses.items()}

    def _run(
        self, passes: Sequence[Sequence[Stretch]], members: Iterable[int], stop: StopRequest
    ) -> dict[int, Tensor]:
        """Forward and backward of all passes; the losses of the update."""
        net: Any = self.together.net
        weights = {number: 1 / self._trainings[number].counts.trained_tokens for number in members}
        losses = {number: torch.zeros((), device=self.device) for number in weights}
        net.train(self._checkpointing)  # torch computes again in training alone; there is no dropout
        for stretches in passes:
            stop.heed()
            found = differentiate(self.together, self.collate, stretches, weights)
            for one, loss in zip(stretches, found, strict=True):
                losses[one.member] += loss
        net.eval()
        return losses

    def _halved(
        self, passes: Sequence[Sequence[Stretch]], records: Mapping[int, list[Record]], full: str
    ) -> list[list[Stretch]]:
        """The same records in passes of half the length, which stays so for the updates that follow."""
        if len(passes) == sum(map(len, records.values())):
            raise MemoryFullError(
                f"One record alone fills the memory of {self.device} ({full}). "
                "Lower cutoff, or set train.gradient_checkpointing=true."
            )
        self.most_tokens = max(sum(one.tokens for one in stretches) for stretches in passes) // 2
        say(f"the memory of {self.device} is full: passes have {self.most_tokens} tokens now ({full})")
        torch.cuda.empty_cache()
        return divide(records, self.most_tokens)

    def _share_out(self, seconds: float) -> dict[int, float]:
        """What a joint update took, by tokens: the members' times add up to the clock's."""
        tokens = {number: training.counts.tokens for number, training in self._trainings.items()}
        whole = max(sum(tokens.values()), 1)
        shares = {number: seconds * mine / whole for number, mine in tokens.items()}
        for number, share in shares.items():
            self.spent[number] += share
        return shares

    @contextmanager
    def _alone(self, number: int) -> Iterator[Training]:
        """What is one member's own affair: it ends itself alone."""
        training = self._trainings[number]
        try:
            yield training
        except DivergedError as error:
            training.keeper.keep_finite()
            self._end(number, error=error)
        except Exception as error:
            self._end(number, error=error)

    @contextmanager
    def _timed(self, number: int) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.spent[number] += time.perf_counter() - started

    def _end_finished(self) -> None:
        for number, training in list(self._trainings.items()):
            if training.over:
                with self._alone(number):
                    training.keeper.keep()
                    self._end(number, training.done)

    def _end(self, number: int, result: FitResult | None = None, error: Exception | None = None) -> None:
        self.leave(number)
        self._ended.append(Ended(number, result, error))
