"""The rows of one trial, cut from the token store, and what the cut-off cost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from csft.data import cutoff as rule
from csft.data.encoding import assemble, dress
from csft.data.store import TokenStore
from csft.data.template import Frame
from csft.errors import SettingError

if TYPE_CHECKING:
    from csft.data.preparation import Prepared

Flat = NDArray[np.int64]


@dataclass(frozen=True)
class Truncation:
    """What a cut-off took from one dataset: how many records lost each thing; one may count under several.

    `turns` whole turns; `marker` the assistant marker after a question; `question` text of a question
    (with a multiple-choice record: options); `answer` text of any answer; `conclusion` part of the last
    answer's last words, its closing punctuation aside: the record no longer says what it answers;
    `untrained` every answer token that would be trained, so it is left out. `trained_*` counts labels.
    """

    records: int
    turns: int
    marker: int
    question: int
    answer: int
    conclusion: int
    untrained: int
    tokens_before: int
    tokens_after: int
    trained_before: int
    trained_after: int

    def as_dict(self) -> dict[str, int]:
        """For a log."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class _Cut:
    """One dataset's drawn records under a cut-off."""

    def __init__(
        self, one: "Prepared", template: str, drawn: Flat, *, cutoff: int, mask_history: bool, policy: str
    ) -> None:
        self.store, self.frame, self.drawn, self._mask = one.store, one.frame(template), drawn, mask_history
        frame = self.frame
        self.full, self._turn = _full_lengths(self.store, frame, drawn)
        self.kept = rule.keep(self.full, cutoff, len(frame.close), mask_history, policy)

    def row(self, at: int) -> tuple[list[int], list[int]]:
        record = int(self.drawn[at])
        pieces = dress(self.store.record(record), self.frame, self.store.own_system(record))
        here = slice(self.kept.start[at], self.kept.start[at + 1])
        return assemble(
            pieces, self.kept.prompt[here].tolist(), self.kept.answer[here].tolist(), self.frame, self._mask
        )

    def lengths(self, turns: rule.Turns) -> Flat:
        """Tokens of each row."""
        return turns.per_record(turns.prompt + turns.answer) + len(self.frame.close)

    def trained(self, turns: rule.Turns) -> Flat:
        """Labels of each row that are answer tokens."""
        return turns.answer[turns.last] if self._mask else turns.per_record(turns.answer)

    def truncation(self) -> Truncation:
        full, kept, end = self.full, self.kept, len(self.frame.answer_end)
        cut = full.prompt - kept.prompt
        text = np.maximum(full.answer - end, 0)
        lost = np.maximum(text - kept.answer, 0)
        closing = self.store.closing[self._turn[full.last]]
        trained = self.trained(kept)
        present = kept.prompt > 0

        def records_with(flag: NDArray[np.bool_]) -> int:
            return int((full.per_record(flag) > 0).sum())

        return Truncation(
            records=len(full),
            turns=records_with(~present),
            marker=records_with(present & (cut > 0)),
            question=records_with(present & (cut > self.frame.question_tail)),
            answer=records_with(lost > 0),
            conclusion=int((lost[full.last] > closing).sum()),
            untrained=int((trained == 0).sum()),
            tokens_before=int(self.lengths(full).sum()),
            tokens_after=int(self.lengths(kept).sum()),
            trained_before=int(self.trained(full).sum()),
            trained_after=int(trained.sum()),
        )


class TrainingSet(Sequence[dict[str, list[int]]]):
    """Rows `{"input_ids", "labels"}` of the drawn records, built when asked for; nothing is tokenised anew.

    `lengths` are tokens after the cut, `truncation` what it took per dataset, `names` and `origin` say
    where a row comes from. Records left without one trained answer token are counted and left out.
    """

    def __init__(
        self,
        prepared: Mapping[str, "Prepared"],
        drawn: Sequence[tuple[str, Flat]],
        cutoff: int,
        template: str = "intern2",
        mask_history: bool = False,
        *,
        policy: str = "llamafactory",
    ) -> None:
        rule.check(cutoff, policy)
        self.names = [name for name, _ in drawn]
        self._cuts = [
            _Cut(prepared[name], template, indices, cutoff=cutoff, mask_history=mask_history, policy=policy)
            for name, indices in drawn
        ]
        self.truncation = {n: cut.truncation() for n, cut in zip(self.names, self._cuts, strict=True)}
        kept = [np.flatnonzero(cut.trained(cut.kept) > 0) for cut in self._cuts]
        if not sum(map(len, kept)):
            raise SettingError("cutoff", cutoff, "a length that leaves at least one record an answer token")
        self._at = np.concatenate(kept)
        self._cut_of = np.repeat(np.arange(len(kept)), [len(rows) for rows in kept])
        lengths = [cut.lengths(cut.kept)[rows] for cut, rows in zip(self._cuts, kept, strict=True)]
        self.lengths: Flat = np.concatenate(lengths)

    def __len__(self) -> int:
        return len(self._at)

    def __getitem__(self, at: int) -> dict[str, list[int]]:  # type: ignore[override]  # no slices
        ids, labels = self._cuts[self._cut_of[at]].row(int(self._at[at]))
        return {"input_ids": ids, "labels": labels}

    def __iter__(self) -> Iterator[dict[str, list[int]]]:
        return (self[at] for at in range(len(self)))

    def origin(self, at: int) -> tuple[str, int]:
        """Dataset and record number of a row."""
        number = int(self._cut_of[at])
        return self.names[number], int(self._cuts[number].drawn[self._at[at]])

    def table(self) -> list[dict[str, str | int]]:
        """One row per dataset: what was drawn, in records and tokens, and what the cut-off took."""
        return [{"dataset": name, **cost.as_dict()} for name, cost in self.truncation.items()]


def full_lengths(store: TokenStore, frame: Frame) -> Flat:
    """Tokens of every record of a store, uncut."""
    turns, _ = _full_lengths(store, frame, np.arange(len(store), dtype=np.int64))
    return turns.per_record(turns.prompt + turns.answer) + len(frame.close)


def _full_lengths(store: TokenStore, frame: Frame, drawn: Flat) -> tuple[rule.Turns, Flat]:
    """Lengths of the drawn records' dressed pieces, flat, and the store's turn each entry stands for."""
    number = store.turns[drawn].astype(np.int64)
    start = np.concatenate([[0], np.cumsum(number)])
    within = np.arange(start[-1]) - np.repeat(start[:-1], number)
    turn = np.repeat(store.first[drawn], number) + within
    pieces = store.pieces
    opening = np.full(len(drawn), len(frame.opening(None)), dtype=np.int64)
    own = store.system[drawn] >= 0
    opening[own] = len(frame.bos) + store.system_lengths[store.system[drawn][own]]
    before = np.where(within == 0, np.repeat(opening, number), len(frame.between))
    prompt = pieces[2 * turn + 1] - pieces[2 * turn] + before
    answer = pieces[2 * turn + 2] - pieces[2 * turn + 1] + len(frame.answer_end)
    return rule.Turns(prompt, answer, start), turn
