"""The second pass: rows that stay go into one Parquet file, the others into the list of what was left out."""

from pathlib import Path
from typing import Any

import numpy as np

from csft.data.left_out import LeftOut
from csft.data.parquet import schema
from csft.data.screen.exams import ExamIndex
from csft.data.screen.lookup import Rows
from csft.data.screen.verdicts import EXACT, EXAM, KEPT, NEAR, NEAR_EXAM, Verdicts

ROWS = 20_000  # records per Parquet row group
_SHOWN = 80  # characters of a question


def keep(everything: Path, verdicts: Verdicts, number: Rows, exams: ExamIndex, left_out: LeftOut) -> None:
    """Copy the kept rows to records.parquet; count and list the others, with what they match."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    stays = verdicts.reason == KEPT
    teller = _Teller(verdicts, number, exams)
    path = everything.with_name("records.parquet")
    with pq.ParquetFile(everything) as file, pq.ParquetWriter(path, schema(), compression="zstd") as out:
        waiting: list[Any] = []
        at = 0
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            here = stays[at : at + len(table)]
            teller.tell(table, at, left_out)
            waiting.append(table.filter(pa.array(here)))
            at += len(table)
            if sum(map(len, waiting)) >= ROWS:
                out.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            out.write_table(pa.concat_tables(waiting))


def excerpts(table: Any, rows: Rows) -> list[str]:
    """The beginning of the last question in some rows of a table, on one line each."""
    chosen = table.select(["instruction", "input"]).take(rows)
    texts = zip(chosen["instruction"].to_pylist(), chosen["input"].to_pylist(), strict=True)
    return [" ".join(f"{instruction} {text}".split())[:_SHOWN] for instruction, text in texts]


class _Teller:
    """Says of each record that goes why, and what it matches; a match stands before it in the file."""

    def __init__(self, verdicts: Verdicts, number: Rows, exams: ExamIndex) -> None:
        self._verdicts, self._number, self._exams = verdicts, number, exams
        alike = np.isin(verdicts.reason, (EXACT, NEAR))
        self._matched = np.unique(verdicts.match[alike])
        self._texts: dict[int, str] = {}

    def tell(self, table: Any, at: int, left_out: LeftOut) -> None:
        """Tell of the records of `table`, whose first is record `at`."""
        first, last = np.searchsorted(self._matched, [at, at + len(table)])
        matched = self._matched[first:last]
        self._texts |= zip(matched.tolist(), excerpts(table, matched - at), strict=True)
        gone = np.flatnonzero(self._verdicts.reason[at : at + len(table)] != KEPT)
        for row, text in zip((gone + at).tolist(), excerpts(table, gone), strict=True):
            reason, matches = self._why(row)
            left_out.leave_out(
                int(self._number[row]), reason, text, matches, float(self._verdicts.share[row])
            )

    def _why(self, row: int) -> tuple[str, str]:
        reason, match = self._verdicts.reason[row], int(self._verdicts.match[row])
        if reason in (EXAM, NEAR_EXAM):
            split, question = self._exams.rows[match]
            named = f"{split} {question.id}: " if question.id is not None else f"{split}: "
            kind = "overlaps exam" if reason == EXAM else "near exam"
            return f"{kind} {split}", named + question.question[:_SHOWN]
        kind = "exact duplicate" if reason == EXACT else "near duplicate"
        return kind, f"record {self._number[match]}: {self._texts[match]}"
