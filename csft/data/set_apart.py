"""Held-out dialogues in the form in which screened datasets are compared, and what is taken out with them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from csft.data.held_out import Dialogue
from csft.data.parquet import as_table, schema
from csft.data.screen import ExamIndex, ScreenRules
from csft.data.screen.compare import Doubled
from csft.data.screen.conversations import conversations
from csft.data.screen.examine import examine
from csft.data.screen.lookup import Rows, spans
from csft.data.screen.sketches import Sketches, SketchWriter
from csft.rejects import Rejects


def write_apart(folder: Path, dialogues: Sequence[Dialogue], rules: ScreenRules) -> Rows:
    """Write the files of a screened dataset with all records of the dialogues; the last row of each.

    Nothing is screened: of two that are alike each has to be found in the datasets.
    """
    import pyarrow.parquet as pq

    talks = [talk for one in dialogues for talk in conversations(one.records, Rejects())]
    records = [record for talk in talks for record in talk.records]
    with pq.ParquetWriter(folder / "records.parquet", schema()) as out:
        out.write_table(as_table(records))
    exams = ExamIndex({})
    exams.build(None)
    sketches = SketchWriter(folder)
    with sketches.files:
        sketches.add(examine(exams, rules, [talk.said for talk in talks]).sketch, 0)
    marks = b"".join(mark for talk in talks for mark in talk.marks)
    (folder / "marks.bin").write_bytes(marks)
    np.arange(1, len(records) + 1, dtype="<i8").tofile(folder / "numbers.bin")
    return np.cumsum([len(one.lengths) for one in dialogues]) - 1


def with_what_follows(own: Doubled, ends: Rows, folder: Path) -> Doubled:
    """Add the records of a dataset that go on after all of a held-out dialogue, and so repeat it.

    The held-out dialogues are the first of what was compared, number 0, and `ends` are their last rows.
    """
    whole = np.flatnonzero((own.other == 0) & ~own.near & np.isin(own.other_row, ends))
    first, count = Sketches(folder).rows.reshape(-1, 2).T
    talk = np.searchsorted(first, own.row[whole], "right") - 1
    later = (first + count)[talk] - own.row[whole] - 1
    row = spans(own.row[whole] + 1, later)
    row, at = np.unique(row, return_index=True)
    new = ~np.isin(row, own.row)
    row, matched = row[new], np.repeat(own.other_row[whole], later)[at[new]]
    order = np.argsort(np.concatenate([own.row, row]))
    none = np.zeros(len(row), np.int64)
    return Doubled(
        np.concatenate([own.row, row])[order],
        np.concatenate([own.near, none.astype(np.bool_)])[order],
        np.concatenate([own.other, none])[order],
        np.concatenate([own.other_row, matched])[order],
        np.concatenate([own.share, np.ones(len(row), np.float32)])[order],
    )
