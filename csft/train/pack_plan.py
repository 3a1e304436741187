"""How many adapters can be trained on one base at once, and how long a pass over it may be.

Weights of the base are there once; each member adds its adapter, gradients and optimiser states. Activations
hang on the tokens of a pass alone, however many members share it, so passes are shortened before a member is
left out: that costs next to no speed.
"""

from dataclasses import dataclass, replace

from csft.anatomy import Anatomy
from csft.model.choosing import VARLEN
from csft.train.memory import MemoryPlan, memory_plan
from csft.train.workload import Workload

# Tokens of a pass where memory does not matter. On a processor longer ones are no faster: matrix products
# are at their peak from some hundred rows on, and what lies between them leaves the caches.
MOST_TOKENS = {"cpu": 4096, "cuda": 65536}


@dataclass(frozen=True)
class PackPlan:
    """A pack of `members` in passes of `tokens`, and its memory."""

    members: int
    tokens: int
    memory: MemoryPlan

    def line(self, capacity: float) -> str:
        """Give `4 trainings in passes of 4,096 tokens, needs 1.2 of 8.0 GB: …`."""
        how = f"{self.members} trainings in passes of {self.tokens:,} tokens" if self.members > 1 else "alone"
        return f"{how}, {self.memory.line(capacity)}"


def pack_plan(net: Anatomy, work: Workload, capacity: float, most: int) -> PackPlan:
    """The most members up to `most` of trainings like `work`, in the longest passes with which they fit.

    At least one: whether that fits is for `check_fits` to say.
    """
    if not work.flash:
        work = replace(work, attention=VARLEN)  # as csft/train/together.py has it
    for members in range(max(most, 1), 0, -1):
        tokens = MOST_TOKENS[work.device]
        while True:
            tokens = max(tokens, work.cutoff)
            plan = memory_plan(net, replace(work, members=members, pass_tokens=tokens))
            if plan.total <= capacity or (members == 1 and tokens == work.cutoff):
                return PackPlan(members, tokens, plan)
            if tokens == work.cutoff:
                break
            tokens //= 2
    raise AssertionError("a pack has a member")
