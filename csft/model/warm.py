"""The base of a worker's trials, read once and kept in memory; each trial starts from it as if it were fresh.

    with keeping():                                     around a worker's life; outside nothing is kept
        found = base(key, load)                         the same key: the same base, another: in its place
        net, how = found.net_for("lora", room)          a shell of the base; of a full tuning a copy

                     shell                    full tuning
    on a processor   of the base              a copy beside the base
    on a GPU         of the base there        a copy of the base in main memory, which goes there meanwhile

Where memory has no `room` for what is kept beside a trial's own weights, the trial gets the base itself, and
the next one reads it anew. The base is never run, so that nothing of a trial gets into it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakSet

from csft.errors import ModelError
from csft.model.shells import copy, shell

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Loaded = tuple["PreTrainedModel", "PreTrainedTokenizerBase"]
GB = 1e9
LOADED, KEPT = "loaded", "from memory, as an earlier trial loaded them"


class Taken(NamedTuple):
    """A network of a trial's own, and how it came by it, in words."""

    net: "PreTrainedModel"
    how: str


class Base:
    """A network that no trial changes, and its tokenizer."""

    def __init__(self, net: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", kept: bool) -> None:
        self.tokenizer, self.device = tokenizer, net.device
        self._kept, self._how = kept, LOADED
        self._net: PreTrainedModel | None = net
        self._in_main_memory: PreTrainedModel | None = None
        self._shells: WeakSet[nn.Module] = WeakSet()

    @property
    def net(self) -> "PreTrainedModel":
        """The base where trials compute, for more shells of it."""
        if self._net is None:
            if self._in_main_memory is None:
                raise ModelError("This base was given to a trial, and is one no longer.")
            self._net = copy(self._in_main_memory, str(self.device))
        return self._net

    @property
    def given_away(self) -> bool:
        """Whether a trial has the base itself."""
        return self._net is None and self._in_main_memory is None

    def bytes_on(self, device: str) -> int:
        """What the base occupies on a device, which trials use or which is free before the next is read."""
        held = [net for net in (self._net, self._in_main_memory) if net is not None]
        return sum(_bytes(net) for net in held if net.device.type == device.partition(":")[0])

    def net_for(self, method: str, room: float) -> Taken:
        """A network to tune by `full`, `lora` or `qlora`.

        `room`: bytes that are free for what stays beside it, in main memory where `method` is `full`, else
        where the base is.
        """
        how, self._how = self._how, KEPT
        if not self._kept:
            return Taken(self._give(), how)
        short = self._short(method, room)
        if short:
            return Taken(self._give(), f"{how}; later trials load them anew: {short}")
        return Taken(self._copy() if method == "full" else self._shell(), how)

    def _short(self, method: str, room: float) -> str:
        """Why the base cannot stay beside a trial's own weights; nothing where it can."""
        beside = _bytes(self._any(), cast=method == "qlora") if method != "lora" else 0
        if (method == "full" and self._in_main_memory is not None) or beside <= room:
            return ""
        where = "main memory" if method == "full" else f"the memory of {self.device}"
        return f"the {beside / GB:.2g} GB of a second copy exceed what {where} has left, {room / GB:.2g}"

    def _shell(self) -> "PreTrainedModel":
        made = shell(self.net)
        self._shells.add(made)
        return made

    def _copy(self) -> "PreTrainedModel":
        if self.device.type == "cpu":
            return copy(self.net)
        if self._in_main_memory is None:
            self._in_main_memory = copy(self.net, "cpu")
        if self._net is not None and not self._shells:
            own, self._net = self._net, None  # on the GPU as it was read: nobody needs it there meanwhile
            return own
        return copy(self._in_main_memory, str(self.device))

    def _any(self) -> "PreTrainedModel":
        return self._net or self._in_main_memory or self.net

    def _give(self) -> "PreTrainedModel":
        """The base itself; where others compute with it, a copy, and it lasts as long as they do."""
        own = copy(self.net) if self._shells else self.net
        self._net = self._in_main_memory = None
        return own


@dataclass
class _Shelf:
    """Room for one base."""

    key: str = ""
    base: Base | None = None


_shelf: _Shelf | None = None  # of this process; None where nothing is kept


@contextmanager
def keeping() -> Iterator[None]:
    """Keep the base of one trial for the next meanwhile."""
    global _shelf  # noqa: PLW0603
    before, _shelf = _shelf, _Shelf()
    try:
        yield
    finally:
        _shelf = before


def base(key: str, load: Callable[[], Loaded]) -> Base:
    """The base named by `key`, which covers whatever decides it: from memory, or what `load` reads.

    What is kept under another key is freed first.
    """
    if _shelf is None:
        return Base(*load(), kept=False)
    if _shelf.base is None or _shelf.key != key or _shelf.base.given_away:
        forget()
        _shelf.key, _shelf.base = key, Base(*load(), kept=True)
    return _shelf.base


def kept() -> Base | None:
    """The base that is kept, if there is one."""
    return None if _shelf is None or _shelf.base is None or _shelf.base.given_away else _shelf.base


def forget() -> None:
    """Free what is kept; networks that trials still have stay as they are."""
    if kept() is None or _shelf is None:
        return
    import gc

    import torch

    _shelf.base = None
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _bytes(net: "PreTrainedModel", cast: bool = False) -> int:
    """Bytes of a network's weights; `cast`: of those that peft widens for 4-bit training alone."""
    import torch

    narrow = (torch.float16, torch.bfloat16)
    return sum(one.nbytes for one in net.parameters() if not cast or one.dtype in narrow)
