"""A dataset's records through the screen, in two passes over a Parquet file and in bounded memory.

    records --group, examine--> everything.parquet + sketches --verdicts--> records.parquet + left_out.jsonl

The first pass sees a batch at a time and writes it whole; other processes examine what this one reads.
Verdicts need some 50 bytes per record and 60 per conversation. The second pass keeps the rows that stay.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from csft.data.alpaca import Alpaca
from csft.data.left_out import LeftOut
from csft.data.parquet import as_table, schema
from csft.data.screen.conversations import Conversation, Said, batched, conversations
from csft.data.screen.examine import Examined, examine
from csft.data.screen.exams import ExamIndex
from csft.data.screen.grams import Hashes
from csft.data.screen.keeping import keep
from csft.data.screen.lookup import Rows
from csft.data.screen.rules import ScreenRules
from csft.data.screen.sketches import Sketches, SketchWriter, write_rows
from csft.data.screen.verdicts import KEPT, Verdicts, first_verdicts, leave_near_out
from csft.workers import cores, each

FEW = 12  # batches; fewer are done before other processes would have started
MOST = 8  # processes; more would wait for this one, which reads and writes


class _Found(NamedTuple):
    """What `Examined` says per record, for all batches."""

    number: Rows
    mark: Hashes
    exam: Rows
    exact: NDArray[np.bool_]
    share: NDArray[np.float32]


def sift(
    records: Iterable[Alpaca], folder: Path, exams: ExamIndex, rules: ScreenRules, left_out: LeftOut
) -> int:
    """Write the files of a screened dataset into `folder`; how many records stay."""
    everything = folder / "everything.parquet"
    exams.build(rules.exam_overlap)
    found = _first_pass(batched(conversations(records, left_out)), partial(examine, exams, rules), everything)
    verdicts = first_verdicts(found.mark, found.exam, found.exact, found.share)
    sketches = Sketches(folder)
    if rules.near_duplicates is not None:
        leave_near_out(verdicts, sketches, rules.near_duplicates)
    _write_places(folder, sketches, verdicts, found)
    keep(everything, verdicts, found.number, exams, left_out)
    everything.unlink()
    return int(verdicts.before[-1])


def _first_pass(
    batches: Iterator[list[Conversation]], look: Callable[[list[Said]], Examined], everything: Path
) -> _Found:
    """Write every record to `everything` and every sketch beside it."""
    import pyarrow.parquet as pq

    parts = []
    sketches, rows = SketchWriter(everything.parent), 0
    with sketches.files, pq.ParquetWriter(everything, schema(), compression="lz4") as out:
        for talks, one in _looked_at(batches, look):
            records = [record for talk in talks for record in talk.records]
            out.write_table(as_table(records))
            sketches.add(one.sketch, rows)
            rows += len(records)
            number = np.array([number for talk in talks for number in talk.numbers], np.int64)
            marks = b"".join(mark for talk in talks for mark in talk.marks)
            mark = np.frombuffer(marks, "<u8").reshape(-1, 2)
            parts.append(_Found(number, mark, one.exam, one.exact, one.share))
    return _Found(*map(np.concatenate, zip(_nothing(), *parts, strict=True)))


def _looked_at(
    batches: Iterator[list[Conversation]], look: Callable[[list[Said]], Examined]
) -> Iterator[tuple[list[Conversation], Examined]]:
    """Each batch and what was found in it, in order; the work of many is shared."""
    first = list(islice(batches, FEW))
    waiting: deque[list[Conversation]] = deque()

    def jobs() -> Iterator[list[Said]]:
        for talks in chain(first, batches):
            waiting.append(talks)
            yield [talk.said for talk in talks]

    for found in each(look, jobs(), 1 if len(first) < FEW else min(cores(), MOST)):
        yield waiting.popleft(), found


def _nothing() -> _Found:
    none = np.empty(0, np.int64)
    return _Found(none, np.empty((0, 2), np.uint64), none, np.empty(0, np.bool_), np.empty(0, np.float32))


def _write_places(folder: Path, sketches: Sketches, verdicts: Verdicts, found: _Found) -> None:
    """Where the kept records and conversations come to lie, and what later comparisons need of them."""
    before, kept = verdicts.before, verdicts.reason == KEPT
    first = before[sketches.rows[:, 0]]
    write_rows(folder, np.stack([first, before[sketches.rows.sum(1)] - first], 1))
    found.number[kept].tofile(folder / "numbers.bin")
    found.mark[kept].tofile(folder / "marks.bin")
