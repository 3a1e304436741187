"""The exam questions that training records must not give away, and the two ways to recognise one.

A record's question *holds the stem* when the normalised stem is part of it (`stems`), and *overlaps* an exam
question when it holds most of its words, whatever their order (`overlap`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from csft.cmb import Question
from csft.data.screen.overlap import Overlap
from csft.data.screen.plain import Plain, plain
from csft.data.screen.stems import Stems
from csft.files import hash_value


@dataclass(frozen=True)
class ExamHits:
    """What was recognised in each of some texts: a row of `ExamIndex.rows` or -1, and the share of it held.

    A share of 1 with `exact` means the stem itself; `exact` is False where words alone agree.
    """

    row: NDArray[np.int64]
    exact: NDArray[np.bool_]
    share: NDArray[np.float32]


class ExamIndex:
    """Every exam question in use, by split; the order in which they are given does not matter."""

    def __init__(self, exams: Mapping[str, Sequence[Question]]) -> None:
        self.rows: list[tuple[str, Question]] = sorted(
            ((split, question) for split, questions in exams.items() for question in questions),
            key=lambda row: (row[0], row[1].question, list(row[1].options.items()), row[1].id or 0),
        )
        self.hash = hash_value([[split, q.question, q.options] for split, q in self.rows])
        self._overlaps: dict[float, Overlap] = {}

    def build(self, overlap: float | None) -> None:
        """Make all that `find` needs, so that no other process has to. Nothing of it is kept on disk."""
        _ = self._stems
        if overlap is not None:
            self.overlap(overlap)

    @cached_property
    def _stems(self) -> Stems:
        return Stems([question for _, question in self.rows])

    def overlap(self, share: float) -> Overlap:
        """Built when it is first asked for, and kept: it takes a second for CMB's 11,200 questions."""
        if share not in self._overlaps:
            self._overlaps[share] = Overlap([question for _, question in self.rows], share)
        return self._overlaps[share]

    def find(self, texts: Plain, overlap: float | None) -> ExamHits:
        """Look for exam questions in each of `texts`; without `overlap`, for stems alone."""
        row = self._stems.find(texts)
        exact = row >= 0
        share = exact.astype(np.float32)
        if overlap is not None:
            near, near_share = self.overlap(overlap).find(texts)
            row, share = np.where(exact, row, near), np.where(exact, share, near_share)
        return ExamHits(row, exact, share)

    def split_in(self, text: str, overlap: float | None = None) -> str | None:
        """The exam split one of whose questions a text holds."""
        row = int(self.find(plain([text]), overlap).row[0])
        return self.rows[row][0] if row >= 0 else None
