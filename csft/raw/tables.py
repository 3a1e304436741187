"""CSV and Parquet, row by row."""

import csv
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from csft.errors import DataError
from csft.raw.files import Raw
from csft.raw.text import Row, is_unicode, numbered
from csft.rejects import Rejects

BATCH = 1024  # Parquet rows decoded at a time


def csv_rows(
    raw: Raw,
    columns: Sequence[str],
    rejects: Rejects,
    encoding: str = "utf-8",
    aliases: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, list[str]]]:
    """(place, the cells of `columns` in that order); `aliases` renames headers before the look-up.

    A quote that is never closed costs its own line, not the lines up to the next quote. Raises DataError
    when the header lacks a column.
    """
    feed = _Feed(raw, rejects, encoding)
    reader = csv.reader(feed, strict=True)
    width, wanted = _read_header(raw, reader, columns, aliases or {})
    name = raw.name
    while True:
        feed.begin()
        cells: list[str] | None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells = feed.first_line_alone()
        where = f"{name}:{feed.number}"
        problem = _row_problem(cells, width, feed.valid)
        if problem:
            rejects.add(problem, where)
        elif cells:
            yield where, [cells[index] for index in wanted]


class _Feed:
    """The lines of a CSV file, some of which can be given back; `number` and `valid` are of this record."""

    def __init__(self, raw: Raw, rejects: Rejects, encoding: str):
        self.source = numbered(raw, rejects, encoding)
        self.waiting: deque[tuple[int, str, bool]] = deque()
        self.taken: list[tuple[int, str, bool]] = []
        self.number, self.valid = 0, True

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line = self.waiting.popleft() if self.waiting else next(self.source)
        self.valid &= line[2]
        if not self.taken:
            self.number = line[0]
        self.taken.append(line)
        return line[1]

    def begin(self) -> None:
        """A new record starts with the next line."""
        self.taken.clear()
        self.valid = True

    def first_line_alone(self) -> list[str] | None:
        """Give all lines but the first back and read that one without strictness; None if it is no row."""
        first, *others = self.taken
        self.waiting.extendleft(reversed(others))
        self.taken, self.valid = [first], first[2]
        try:
            (cells,) = csv.reader([first[1].rstrip("\r\n") + "\n"])
        except (csv.Error, ValueError):  # a bare carriage return, or a field over the module's limit
            return None
        never_closed = cells[-1].endswith("\n") if cells else False
        return None if never_closed else cells


def _read_header(
    raw: Raw, reader: Iterator[list[str]], columns: Sequence[str], aliases: Mapping[str, str]
) -> tuple[int, list[int]]:
    try:
        names = next(reader, [])
    except csv.Error:
        names = []
    header = [aliases.get(name, name) for name in (name.strip("\ufeff \r") for name in names)]
    missing = [column for column in columns if column not in header]
    if missing:
        found = ", ".join(header).encode(errors="replace").decode()[:200]
        raise DataError(f"{raw} has no column {', '.join(missing)}; its first line reads: {found!r}.")
    return len(header), [header.index(column) for column in columns]


def _row_problem(cells: list[str] | None, width: int, valid: bool) -> str | None:
    if cells is None:
        return "not CSV"
    if not cells:
        return None  # a blank line
    if not valid and not is_unicode("".join(cells)):
        return "not valid in the file's encoding"
    return None if len(cells) == width else "wrong number of columns"


def parquet_rows(raw: Raw, columns: Sequence[str], rejects: Rejects) -> Iterator[Row]:
    """One dict per row with those of `columns` that the table has; a row that is not UTF-8 is set aside.

    Raises DataError for a file that is no whole Parquet file or has none of the columns.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(raw.path) as file:
            names = file.schema_arrow.names
            wanted = [column for column in columns if column in names]
            if not wanted:
                shown = ", ".join(names)[:200]
                raise DataError(f"{raw} has no column {', '.join(columns)}; it has {shown}.")
            number = 0
            for batch in file.iter_batches(batch_size=BATCH, columns=wanted):
                for row in _decoded(batch):
                    number += 1
                    where = f"{raw.name}: row {number}"
                    if row is None:
                        rejects.add("not valid UTF-8", where)
                    else:
                        yield where, row
    except (pyarrow.ArrowException, OSError) as problem:
        raise DataError(f"{raw} is not a whole Parquet file ({problem}): download it again.") from problem


def _decoded(batch: Any) -> list[dict[str, Any] | None]:
    try:
        rows: list[dict[str, Any] | None] = batch.to_pylist()
    except UnicodeDecodeError:
        rows = []
        for at in range(batch.num_rows):
            try:
                rows.extend(batch.slice(at, 1).to_pylist())
            except UnicodeDecodeError:
                rows.append(None)
    return rows
