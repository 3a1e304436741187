"""One trial that has to be run: what was settled before anything heavy is loaded."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

from csft import model, reckoning, track, train
from csft.anatomy import Anatomy
from csft.config import Config
from csft.data import HeldOut
from csft.full_memory import full_memory
from csft.identity import Identity
from csft.places import Places
from csft.ranks import ALONE, Ranks
from csft.splits import Splits
from csft.stopping import heed
from csft.watch import Watch

BETWEEN = "between its stages"


@dataclass
class Job:
    """Settings, places and identity of a trial, and how long its stages took."""

    config: Config
    where: Places
    device: str
    splits: Splits
    identity: Identity
    ranks: Ranks = ALONE
    held_out: HeldOut = field(default_factory=HeldOut)
    seconds: dict[str, float] = field(default_factory=dict)
    started: str = field(default_factory=lambda: time.strftime("%Y-%m-%dT%H:%M:%S%z"))
    attention: tuple[str, str] = ("", "")  # the implementation's name in transformers, and why
    optimizer: tuple[str, str] = ("", "")  # its name, and why
    workload: train.Workload | None = None  # what its memory depends on, once that is settled
    memory: str = ""  # the plan of it, as printed
    spare: float = 0.0  # bytes that the plan leaves free
    base: str = ""  # how the trial came by the weights it starts from
    watch: Watch = field(default_factory=Watch)
    stages: list[str] = field(default_factory=list)  # those at work, the inner one last
    companions: int = 0  # other trials it was trained together with, at most at a time
    updates: int = 0  # of the training, once its batches are planned
    most_memory: int = 0  # bytes, at the end of a stage

    @property
    def name(self) -> str:
        """`full-c512-e3-lr0.002-lora-s42-1a2b3c4d`: for people; the identity decides."""
        c = self.config
        words = [c.mix.name, f"c{c.cutoff}", f"e{c.epochs:g}", f"lr{c.lr:g}", c.tune.method, f"s{c.seed}"]
        return "-".join([*words, self.identity.hash[:8]])

    @property
    def place(self) -> str:
        """Where the trial is, or where an error left it, for a message."""
        return f"in the stage {self.stages[-1]!r}" if self.stages else BETWEEN

    @cached_property
    def anatomy(self) -> Anatomy:
        """The sizes of the model, read without its weights."""
        return reckoning.anatomy(self.config, self.where.model)

    @cached_property
    def tokenizer(self) -> str:
        """What the tokenizer is, as a hash."""
        return model.tokenizer_fingerprint(model.model_folder(self.where.model))

    @property
    def folder(self) -> track.RunFolder:
        """What the trial leaves behind; made when it is opened."""
        return track.RunFolder(self.where.study / self.name)

    @property
    def checkpoints(self) -> train.Checkpoints:
        """Where training is kept while the trial is not finished."""
        keep = self.config.train.keep_checkpoints
        return train.Checkpoints(self.folder.path / "checkpoints", self.identity.hash, keep)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Note how long a stage takes, in seconds; one within another is not counted twice.

        Begins with a request to stop, if there is one; memory that is full becomes a MemoryFullError.
        """
        heed()
        within, clock = sum(self.seconds.values()), self.watch.clock
        self.stages.append(stage)
        self.watch.stage(stage)
        started = clock.now()
        with full_memory(stage, self.device):
            yield
        spent = clock.now() - started - (sum(self.seconds.values()) - within)
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + spent, 3)
        self.most_memory = max(self.most_memory, train.high_water.highest(self.device))
        self.stages.pop()
        if self.stages:
            self.watch.stage(self.stages[-1])
