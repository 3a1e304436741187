"""What each epoch of a trial trains on: the mix drawn epoch by epoch over one set of rows."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from csft.config import Mix
from csft.data.catalog import DATASETS
from csft.data.mix import Indices, draw
from csft.data.training_set import CutOff, TrainingSet, kept_lengths
from csft.data.truncation import Truncation
from csft.data.validation import validation_split

if TYPE_CHECKING:
    from csft.data.preparation import Prepared


@dataclass(frozen=True)
class Drawn:
    """One dataset in the first epoch: records and tokens drawn, of `pool` records that may be drawn."""

    dataset: str
    pool: int
    records: int
    tokens: int
    share: float  # of the epoch's tokens, 0 to 1


class Mixture:
    """Rows of every record that any epoch draws, and the rows of each epoch, copies included.

    `rows` holds a record once however often it is drawn, so its truncation counts are of distinct records.
    `held_out` are the rows of the validation share, which no epoch has.
    """

    def __init__(
        self,
        prepared: Mapping[str, "Prepared"],
        mix: Mix,
        cut: CutOff,
        epochs: float = 1,
        seed: int = 42,
        *,
        validation: float = 0.0,
    ) -> None:
        self._pools = {name: _pool(one, mix.languages) for name, one in prepared.items()}
        # By dataset: records read, and those set aside counted by reason, screening included.
        self.screened: dict[str, dict[str, Any]] = {
            name: {"read": one.read, "set_aside": {**one.rejects, **one.doubles}}
            for name, one in prepared.items()
        }
        self._prepared, self._mix, self._cut = prepared, mix, cut
        self._seed, self._validation = seed, validation
        self._costs = (
            None
            if mix.tokens is None
            else {name: kept_lengths(one, self._pools[name], cut) for name, one in prepared.items()}
        )
        self._distinct: dict[str, Indices] = {}
        self._draw_all(epochs)

    def over(self, epochs: float) -> "Mixture":
        """The same mix over another number of epochs; where the records are the same, with the same rows."""
        if not self._mix.resample or ceil(epochs) == len(self._draws):
            return self
        other = copy(self)
        other._draw_all(epochs)
        return other

    def epoch(self, number: int) -> Indices:
        """Rows of an epoch, dataset by dataset, a row as often as its record is drawn."""
        drawn = self._draws[min(number, len(self._draws) - 1)]
        rows = [
            self.rows.rows_of(name)[np.searchsorted(self._distinct[name], at)] for name, at in drawn.items()
        ]
        joined = np.concatenate(rows)
        joined = joined[joined >= 0]  # without records that the cut-off left nothing to train on
        return joined[self._trained[joined]]

    @cached_property
    def table(self) -> list[Drawn]:
        """One line per dataset of the mix, in its order."""
        lengths = np.append(self.rows.lengths, 0)  # row -1 costs nothing
        tokens = {
            name: int(lengths[self.rows.rows_of(name)[np.searchsorted(self._distinct[name], at)]].sum())
            for name, at in self._draws[0].items()
        }
        whole = sum(tokens.values())
        return [
            Drawn(
                name,
                len(pool),
                len(self._draws[0].get(name, ())),
                tokens.get(name, 0),
                tokens.get(name, 0) / whole,
            )
            for name, pool in self._pools.items()
        ]

    @property
    def truncation(self) -> Truncation:
        """What the cut-off took of all datasets together."""
        return sum(self.rows.truncation.values(), start=Truncation())

    def _draw_all(self, epochs: float) -> None:
        self._draws = [self._draw(epoch) for epoch in range(ceil(epochs) if self._mix.resample else 1)]
        distinct = {
            name: np.unique(np.concatenate([drawn[name] for drawn in self._draws if name in drawn]))
            for name in self._prepared
            if any(name in drawn for drawn in self._draws)
        }
        before, self._distinct = self._distinct, distinct
        if before.keys() == distinct.keys() and all(
            np.array_equal(before[name], records) for name, records in distinct.items()
        ):
            return
        records = [(name, self._pools[name][at]) for name, at in distinct.items()]
        self.rows = TrainingSet(self._prepared, records, self._cut)
        self.held_out = np.empty(0, np.int64)
        if self._validation:
            _, self.held_out = validation_split(len(self.rows), self._validation, self._seed)
        self._trained = np.ones(len(self.rows), np.bool_)
        self._trained[self.held_out] = False

    def _draw(self, epoch: int) -> dict[str, Indices]:
        sizes = {name: len(pool) for name, pool in self._pools.items()}
        return draw(self._mix, sizes, self._seed, epoch, self._costs)


def _pool(one: "Prepared", languages: Sequence[str]) -> Indices:
    """The records that may be drawn; of a dataset in two languages those in the ones asked for."""
    if not languages or set(DATASETS[one.dataset].language.split("+")) <= set(languages):
        return one.pool
    wanted: Indices = one.pool[(one.store.chinese[one.pool] == 1) == ("zh" in languages)]
    return wanted
