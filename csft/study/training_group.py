"""Trials in training together: who may join, and one update of all of them at a time."""

from functools import partial

from csft import data, reckoning, train
from csft.console import say
from csft.errors import CsftError, StoppedError
from csft.job import Job
from csft.model import warm
from csft.orders import Train
from csft.stopping import AskedError
from csft.study.packable import packable
from csft.study.pool import Outcome, Served


class TrainingGroup:
    """At most `most` trials of the kind of `first`, on the base that the worker keeps."""

    def __init__(self, first: Train, most: int) -> None:
        base, job = warm.kept(), first.job
        assert base is not None and job.workload is not None
        planned = reckoning.pack(job.anatomy, job.workload, job.device, most)
        say(f"  together   {planned.line}")
        self._config, self._most = job.config, planned.members
        self._waiting: dict[int, str] = {}  # who was told to, and why
        self._jobs: dict[int, Job] = {}
        collate = partial(
            data.collate, pad_id=first.batches.pad_id, joined=True, attention=first.batches.attention
        )
        self._training = train.TrainTogether(
            base.net,
            job.device,
            collate,
            gradient_checkpointing=job.config.train.gradient_checkpointing,
            most_tokens=planned.most_tokens,
        )

    def __len__(self) -> int:
        return len(self._training)

    def offer(self, number: int, order: Train) -> Exception | None:
        """Let a trial join if it may; where it cannot ever, why."""
        if number in self._training.members:
            return None
        full = f"{self._most} trials are in training" if len(self) >= self._most else None
        if why := full or packable(self._config, order.job.config):
            if self._waiting.get(number) != why:
                say(f"trial {number} waits: {why}")
            self._waiting[number] = why
            return None
        try:
            self._training.join(number, order.member())
        except CsftError as error:
            return error
        self._jobs[number] = order.job
        say(f"trial {number} is trained together with {len(self) - 1} others")
        return None

    def update(self) -> Served:
        """One update of every member; gives those that it ended."""
        members = self._training.members
        for number in members:
            job = self._jobs[number]
            job.companions = max(job.companions, len(members) - 1)
        try:
            ended = self._training.update()
        except AskedError as asked:
            error = StoppedError(asked.by, "in training", "the states are kept")
            return self._end(members, error)
        except BaseException as error:
            return self._end(members, error)
        spent = self._training.spent
        whole = sum(spent.values()) or 1.0
        outcomes = {one.number: Outcome(one.result, one.error) for one in ended}
        return Served(outcomes, {number: seconds / whole for number, seconds in spent.items()})

    def _end(self, members: tuple[int, ...], error: BaseException) -> Served:
        for number in self._training.members:
            self._training.leave(number)
        return Served(
            {number: Outcome(error=error) for number in members}, dict.fromkeys(members, 1 / len(members))
        )
