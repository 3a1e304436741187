"""What a training consists of, update by update, so that another one can be seen to begin as it does.

An update is its records in order, how they lie in rows and micro-batches, and the learning rate. Records are
named by dataset and number: row numbers depend on how many epochs are drawn.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from csft.data import Plan
    from csft.train import Epochs

Flat = NDArray[np.int64]
Part = tuple["Plan", int]


class Route:
    """All updates of a training. `origins(rows)` gives each row a number, the same for the same record."""

    def __init__(self, plan: "Epochs", rates: NDArray[np.float64], origins: Callable[[Flat], Flat]) -> None:
        self._parts = cast(Sequence[Part], plan.parts())
        self._rates, self._origins = rates, origins
        self._digests: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._rates)

    def digest(self, updates: int, whole: bool = True) -> str:
        """A hash of the first `updates` updates; equal for two trainings that begin so far alike.

        That of the weights alone after them is another than that of the `whole` state.
        """
        if not whole:
            return hashlib.sha256(f"weights of {self.digest(updates)}".encode()).hexdigest()
        if updates not in self._digests:
            found = hashlib.sha256(self._rates[:updates].tobytes())
            left = updates
            for number, (_, taken) in enumerate(self._parts):
                if left > 0:
                    found.update(self._hash(number, min(taken, left)))
                left -= taken
            self._digests[updates] = found.hexdigest()
        return self._digests[updates]

    def digests(self, updates: int) -> list[str]:
        """Of what this training can go on from after so many updates; at its end, weights are enough."""
        return [self.digest(updates, whole) for whole in (True, False)[: 1 + (updates == len(self))]]

    def points(self, others: Iterable["Route"], least: float = 0.0) -> dict[int, bool]:
        """Where others part from this one, and whether one of them goes on; else its weights are enough.

        What is less than the share `least` of another one's updates is left out.
        """
        found: dict[int, bool] = {}
        for other in others:
            common = self.shared(other)
            if common >= least * len(other):
                found[common] = found.get(common, False) or common < len(other)
        return found

    def shared(self, other: "Route") -> int:
        """How many updates the two have in common at their beginning."""
        rates = min(len(self), len(other))
        same = _first(self._rates[:rates] != other._rates[:rates])
        done = 0
        for (mine, taken), (theirs, also) in zip(self._parts, other._parts, strict=False):
            least = min(taken, also)
            alike = self._alike(other, mine, theirs, least)
            done += alike
            if alike < least or taken != also:
                break
        return min(same, done)

    def _alike(self, other: "Route", mine: "Plan", theirs: "Plan", updates: int) -> int:
        """How many of an epoch's first `updates` updates are the same in both."""
        if mine is theirs and self._origins == other._origins:
            return updates
        if _form(mine) != _form(theirs):
            return 0
        wanted = [min(updates * mine.batch, plan.rows) for plan in (mine, theirs)]
        rows = min(wanted)
        bounds = _first(mine.start[: rows + 1] != theirs.start[: rows + 1])  # of `bounds - 1` rows they agree
        records = int(mine.start[max(bounds - 1, 0)])
        ours, those = self._origins(mine.records[:records]), other._origins(theirs.records[:records])
        first = _first(ours != those)
        whole = int(np.searchsorted(mine.start[:bounds], first, side="right")) - 1  # rows
        return updates if wanted == [whole, whole] else whole // mine.batch  # the last may be short

    def _hash(self, number: int, updates: int) -> bytes:
        """Of the first updates of an epoch."""
        plan = self._parts[number][0]
        rows = min(updates * plan.batch, plan.rows)
        start = plan.start[: rows + 1]
        found = hashlib.sha256(repr((*_form(plan), rows)).encode())
        for numbers in (start, self._origins(plan.records[: int(start[-1])])):
            found.update(np.ascontiguousarray(numbers, dtype="<i8").tobytes())
        return found.digest()


def _form(plan: "Plan") -> tuple[int, int, int, bool]:
    """What all updates of an epoch have in common; its length, since epochs passed are counted by it."""
    return len(plan), plan.batch, plan.micro_batch, plan.joined


def _first(differ: NDArray[np.bool_]) -> int:
    """Where two arrays first differ; their length where they do not."""
    return int(differ.argmax()) if differ.any() else len(differ)
