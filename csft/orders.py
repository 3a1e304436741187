"""What a trial asks for on its way: to be trained, examined, talked with, to wait.

    trial ──Train──▶ served alone, by csft.train.fit, or with other trials on the same base
          ◀─result──

A trial is a generator (`csft.trial.steps`) that yields orders and is sent their results; what serving one
raises is raised in the trial, at the place where it gave the order. A signal raises AskedError
(csft/stopping.py) wherever the trial is: whoever serves it has to see to that.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from csft.console import say
from csft.conversing import Conversation, converse
from csft.examining import ask
from csft.job import Job
from csft.splits import Splits
from csft.stopping import heed
from csft.tuning import fit, member

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from csft import train
    from csft.exam import Prediction
    from csft.feeding import Batches
    from csft.rungs import Log
    from csft.stages import Sharing

Result = TypeVar("Result")
LOOK_S = 0.5  # between looks at what is waited for


@dataclass(frozen=True)
class Train:
    """To have `net` tuned; gives a FitResult."""

    job: Job
    net: "PreTrainedModel"
    batches: "Batches"
    log: "Log"
    start: "train.Checkpoint | None"
    visit: "train.Visit"
    sharing: "Sharing | None"

    def alone(self) -> "train.FitResult":
        """Train it by itself."""
        return fit(
            self.job,
            self.net,
            self.batches,
            self.log,
            start=self.start,
            visit=self.visit,
            sharing=self.sharing,
        )

    def member(self) -> "train.Member":
        """The same training for those that are done together."""
        return member(
            self.job,
            cast("PeftModel", self.net),
            self.batches,
            self.log,
            start=self.start,
            visit=self.visit,
            sharing=self.sharing,
        )


@dataclass(frozen=True)
class Examine:
    """To have the questions of some splits put to `net`; gives the answers by split."""

    job: Job
    net: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    asked: Splits

    def alone(self) -> "dict[str, list[Prediction]]":
        """Examine it by itself."""
        return {
            split: ask(self.job, self.net, self.tokenizer, split, questions)
            for split, questions in self.asked.items()
        }


@dataclass(frozen=True)
class Converse:
    """To have `net` talk on what is held out; gives the figures of it, and the rows of sampled answers."""

    job: Job
    net: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"

    def alone(self) -> Conversation:
        """Let it talk by itself."""
        return converse(self.job, self.net, self.tokenizer)


@dataclass(frozen=True)
class Wait:
    """To be gone on with when `ready`; `why` says what for, or is empty where that was said."""

    why: str
    ready: Callable[[], bool]

    def alone(self) -> None:
        """Wait here."""
        if self.why:
            say(self.why)
        while not self.ready():
            heed()
            time.sleep(LOOK_S)


Order = Train | Examine | Converse | Wait
Steps = Generator[Order, Any, Result]


def serve(steps: Steps[Result]) -> Result:
    """Run a trial by itself: each of its orders as it comes."""
    try:
        order = next(steps)
        while True:
            try:
                served = order.alone()
            except BaseException as error:
                order = steps.throw(error)
            else:
                order = steps.send(served)
    except StopIteration as ended:
        result: Result = ended.value
        return result
