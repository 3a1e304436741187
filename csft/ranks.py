"""The processes that train one trial together, as torchrun starts them: which this is, how they agree.

    torchrun --standalone --nproc-per-node 8 -m csft.run parallel=fsdp site=h100 +mix=full

Every process runs the whole program with the same settings. Process 0 leads: it alone writes the run folder,
prints, tracks and takes the exams; the others train with it and wait. Importing this module imports no torch.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from csft.errors import CsftError, SettingError

if TYPE_CHECKING:
    from torch import Tensor

PATIENCE = timedelta(days=1)  # the others wait as long for the leader's exams
# torchrun ends all within a second of one that failed; the leader may come to the same error much later.
LEADER_HOLDS_S, OTHERS_HOLD_S = 3.0, 20.0
START = "torchrun --standalone --nproc-per-node 8 -m csft.run parallel={} +mix=…"

Value = TypeVar("Value")


@dataclass(frozen=True)
class Ranks:
    """Process `rank` of `count`; `kind` is how they share the work: none | ddp | fsdp."""

    kind: str = "none"
    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def device(self, chosen: str) -> str:
        """The device of this process: of several GPUs the one that torchrun numbered."""
        several = self.kind != "none" and chosen == "cuda"
        return f"cuda:{_number('LOCAL_RANK')}" if several else chosen

    def threads(self, cores: int) -> int:
        """This process's share of a machine's cores."""
        return max(1, cores // (_number("LOCAL_WORLD_SIZE", 1) if self.kind != "none" else 1))

    def agree(self, value: Value) -> Value:
        """Give the leader's value to all; what the others pass is dropped."""
        if self.count == 1:
            return value
        import torch
        from torch import distributed

        held = [value]
        # Through the processor: a GPU that waits in a collective of its own is kept busy by it.
        distributed.broadcast_object_list(held, src=0, device=torch.device("cpu"))
        return held[0]

    def check_alike(self, what: str, value: str) -> None:
        """Stop unless all processes hold the same `value`: they would train different things as one."""
        if (expected := self.agree(value)) != value:
            raise CsftError(
                f"parallel={self.kind}: process {self.rank} has another {what} than process 0: "
                f"{value[:12]}…, not {expected[:12]}…. Give all the same settings, data, model and csft."
            )

    def wait(self) -> None:
        """Wait until all are here."""
        self.any(False)

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Let the leader do a thing first; the others then find it in a cache."""
        if not self.leads:
            self.wait()
        yield
        if self.leads:
            self.wait()

    def any(self, flag: bool) -> bool:
        """Whether one of them says yes."""
        return self.highest(int(flag)) > 0

    def highest(self, number: int) -> int:
        """The greatest of all their numbers."""
        if self.count == 1:
            return number
        import torch
        from torch import distributed

        held = torch.tensor(number)
        distributed.all_reduce(held, distributed.ReduceOp.MAX)
        return int(held)

    def sum(self, tensor: "Tensor") -> "Tensor":
        """Add the tensors of all up, in place; all get the same bits."""
        if self.count > 1:
            from torch import distributed

            distributed.all_reduce(tensor)
        return tensor


ALONE = Ranks()


def join(kind: str, device: str) -> Ranks:
    """Meet the other processes of torchrun; `device` is the setting: auto | cpu | cuda.

    SettingError where torchrun and `parallel` do not fit, so that no GPU stays idle or does another's work.
    """
    count = _number("WORLD_SIZE", 1)
    if kind == "none" and count == 1:
        return ALONE
    if kind == "none":
        raise SettingError("parallel", kind, f"ddp | fsdp, where torchrun starts {count} processes")
    if "RANK" not in os.environ:
        raise SettingError("parallel", kind, f"none, or started by torchrun: {START.format(kind)}")
    if device.startswith("cuda:"):
        raise SettingError(
            "site.device", device, "auto | cpu | cuda, where parallel gives each process its GPU"
        )
    from torch import cuda, distributed

    gpus = cuda.device_count() if device != "cpu" and cuda.is_available() else 0
    if gpus and _number("LOCAL_WORLD_SIZE", 1) > gpus:
        raise SettingError(
            "parallel", kind, f"started with --nproc-per-node of at most {gpus}, the GPUs here"
        )
    if not distributed.is_initialized():
        if gpus:
            cuda.set_device(_number("LOCAL_RANK"))
        distributed.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=PATIENCE)
    return Ranks(kind, distributed.get_rank(), distributed.get_world_size())


def leave() -> None:
    """Part in order, at the end of a program that went well."""
    if "torch" in sys.modules:
        from torch import distributed

        if distributed.is_initialized():
            distributed.destroy_process_group()


def leads() -> bool:
    """Whether this process is alone or the leader, known before anything is joined."""
    return _number("RANK") == 0


def give_way(*, briefly: bool = False) -> None:
    """Hold back an error that another process may be the better one to tell.

    Where all fail alike the leader tells it and torchrun ends the rest; where one fails alone, the others
    learn of it when it exits, after its message.
    """
    if _number("WORLD_SIZE", 1) > 1:
        time.sleep(LEADER_HOLDS_S if briefly or leads() else OTHERS_HOLD_S)


def _number(name: str, default: int = 0) -> int:
    return int(os.environ.get(name, default))
