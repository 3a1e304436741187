"""The rows of one trial, cut from the token store, and what the cut-off cost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from csft.data import cutoff as rule
from csft.data.catalog import DATASETS
from csft.data.encoding import assemble, dress
from csft.data.store import TokenStore
from csft.data.template import Frame
from csft.data.truncation import Cut, Truncation, count
from csft.errors import SettingError

if TYPE_CHECKING:
    from csft.data.preparation import Prepared

Flat = NDArray[np.int64]
CATALOGUE = list(DATASETS)
CHUNK = 1 << 17  # records cut at a time: enough for numpy, few enough to need little memory


@dataclass(frozen=True)
class CutOff:
    """How records become rows of at most `cutoff` tokens; csft/data/cutoff.py has the policies."""

    cutoff: int = 512
    template: str = "intern2"
    mask_history: bool = False
    policy: str = "llamafactory"

    def __post_init__(self) -> None:
        rule.check(self.cutoff, self.policy)


class TrainingSet(Sequence[dict[str, list[int]]]):
    """Rows `{"input_ids", "labels"}` of records, built when asked for; nothing is tokenised anew.

    `records` are record numbers of each dataset's store, in the order rows shall have. `lengths` are tokens
    after the cut, `truncation` what it took per dataset. Records left without a trained answer token, and
    those that do not fit under policy `drop`, are counted there and left out.
    """

    def __init__(
        self, prepared: Mapping[str, "Prepared"], records: Sequence[tuple[str, Flat]], how: CutOff
    ) -> None:
        self.names = [name for name, _ in records]
        self._parts = [_Part(prepared[name], numbers, how) for name, numbers in records]
        self.truncation = {n: part.truncation for n, part in zip(self.names, self._parts, strict=True)}
        kept = [np.flatnonzero(part.lengths) for part in self._parts]
        if not sum(map(len, kept)):
            raise SettingError(
                "cutoff", how.cutoff, "a length that leaves at least one record an answer token"
            )
        self._at = np.concatenate(kept)
        self._part_of = np.repeat(np.arange(len(kept), dtype=np.int16), [len(at) for at in kept])
        lengths = [part.lengths[at] for part, at in zip(self._parts, kept, strict=True)]
        self.lengths: Flat = np.concatenate(lengths).astype(np.int64)

    def __len__(self) -> int:
        return len(self._at)

    def __getitem__(self, at: int) -> dict[str, list[int]]:  # type: ignore[override]  # no slices
        ids, labels = self._parts[self._part_of[at]].row(int(self._at[at]))
        return {"input_ids": ids, "labels": labels}

    def __iter__(self) -> Iterator[dict[str, list[int]]]:
        return (self[at] for at in range(len(self)))

    def origin(self, at: int) -> tuple[str, int]:
        """Dataset and record number of a row."""
        number = int(self._part_of[at])
        return self.names[number], int(self._parts[number].records[self._at[at]])

    def origins(self, rows: Flat) -> Flat:
        """Dataset and record number of rows, as one number each: the same in every training set."""
        found, part_of, at = np.empty(len(rows), np.int64), self._part_of[rows], self._at[rows]
        for number, name in enumerate(self.names):
            mine = np.flatnonzero(part_of == number)
            found[mine] = self._parts[number].records[at[mine]] + (CATALOGUE.index(name) << 40)
        return found

    def rows_of(self, name: str) -> Flat:
        """Row of each record given for a dataset, in their order; -1 where the record is left out."""
        number = self.names.index(name)
        rows = np.full(len(self._parts[number].records), -1, dtype=np.int64)
        mine = np.flatnonzero(self._part_of == number)
        rows[self._at[mine]] = mine
        return rows


class _Part:
    """One dataset's records under a cut-off; `lengths` is 0 where a record is left out."""

    def __init__(self, one: "Prepared", records: Flat, how: CutOff) -> None:
        self.store, self.frame, self.records, self._how = one.store, one.frame(how.template), records, how
        self.truncation, kept, lengths = Truncation(), [], []
        for cut in _cuts(self.store, self.frame, records, how):
            self.truncation += count(cut, self.store, self.frame)
            lengths.append(_lengths(cut, self.frame))
            turns = (cut.kept.lead, cut.kept.question, cut.kept.answer)
            kept.append(np.stack(turns, axis=1).astype(np.int32))
        self.lengths, self._kept = np.concatenate(lengths), np.concatenate(kept)
        self._start = np.concatenate([[0], np.cumsum(self.store.turns[records], dtype=np.int64)])

    def row(self, at: int) -> tuple[list[int], list[int]]:
        record = int(self.records[at])
        pieces = dress(self.store.record(record), self.frame, self.store.own_system(record))
        kept = self._kept[self._start[at] : self._start[at + 1]].tolist()
        return assemble(pieces, kept, self.frame, self._how.mask_history, self._how.policy)


def kept_lengths(one: "Prepared", records: Flat, how: CutOff) -> Flat:
    """Tokens of each record's row; 0 where the record would be left out."""
    frame = one.frame(how.template)
    return np.concatenate([_lengths(cut, frame) for cut in _cuts(one.store, frame, records, how)])


def full_lengths(store: TokenStore, frame: Frame) -> Flat:
    """Tokens of every record of a store, uncut."""
    records = np.arange(len(store), dtype=np.int64)
    parts = (_full(store, frame, part)[0].tokens for part in _chunks(records))
    return np.concatenate(list(parts)) + len(frame.close)


def _lengths(cut: Cut, frame: Frame) -> Flat:
    return (cut.kept.tokens + len(frame.close)) * cut.stays


def _cuts(store: TokenStore, frame: Frame, records: Flat, how: CutOff) -> Iterator[Cut]:
    for part in _chunks(records):
        full, turn = _full(store, frame, part)
        kept = rule.keep(full, frame, how.cutoff, how.mask_history, how.policy)
        yield Cut(full, kept, turn, how.mask_history, how.policy)


def _chunks(records: Flat) -> Iterator[Flat]:
    return (records[at : at + CHUNK] for at in range(0, max(len(records), 1), CHUNK))


def _full(store: TokenStore, frame: Frame, records: Flat) -> tuple[rule.Turns, Flat]:
    """Uncut lengths of the records' dressed pieces, flat, and the store's turn each entry stands for."""
    number = store.turns[records].astype(np.int64)
    start = np.concatenate([[0], np.cumsum(number)])
    turn = np.repeat(store.first[records] - start[:-1], number) + np.arange(start[-1])
    lead = np.full(start[-1], len(frame.between), dtype=np.int64)
    lead[start[:-1]] = len(frame.opening(None))
    own = np.flatnonzero(store.system[records] >= 0)
    lead[start[own]] = len(frame.bos) + store.system_lengths[store.system[records[own]]]
    begin, middle, end = (store.pieces[2 * turn + at] for at in range(3))
    return rule.Turns(lead, middle - begin, end - middle + len(frame.answer_end), start), turn
