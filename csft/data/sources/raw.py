"""Raw files, read piece by piece: lines, JSON Lines, CSV, zip members, Parquet.

Bytes that are not valid in the file's encoding become lone surrogates, so that one bad line is set
aside and the rest of its file is kept.
"""

import contextlib
import csv
import io
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from csft.data.sources.records import Row, is_unicode
from csft.errors import DataError
from csft.rejects import Rejects

UTF8 = "utf-8-sig"  # UTF-8, with or without a byte order mark
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError)
# What the zip module lets out beside its own errors when the directory is broken or a member locked.
_UNREADABLE = (
    *_DAMAGED,
    LookupError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    struct.error,
)


def first_layout(folder: Path, *layouts: Sequence[str]) -> list[Path]:
    """The files of the first layout (a group of glob patterns) that matches any, sorted."""
    for patterns in layouts:
        found = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
        if found:
            return sorted(found)
    return []


def place(path: Path, line: int) -> str:
    """`US/train.jsonl:12`: enough of the path to tell files of one name apart."""
    return f"{path.parent.name}/{path.name}:{line}"


@contextlib.contextmanager
def open_text(path: Path, encoding: str = UTF8) -> Iterator[TextIO]:
    """Open a text file, or the one file in a zip. Only `\\n` ends a line, as the datasets mean it.

    Raises DataError naming the file when a zip is damaged, cut short or holds several files.
    """
    try:
        with _open_bytes(path) as binary:
            yield io.TextIOWrapper(binary, encoding, errors="surrogateescape", newline="\n")
    except _DAMAGED as problem:
        raise DataError(f"{path} is damaged or cut short ({problem}): download it again.") from problem


@contextlib.contextmanager
def _open_bytes(path: Path) -> Iterator[BinaryIO]:
    if path.suffix != ".zip":
        with path.open("rb") as binary:
            yield binary
        return
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
            member = archive.open(_only_member(path, archive))
        except _UNREADABLE as problem:
            raise DataError(f"{path} is not a whole zip file ({problem}): download it again.") from problem
        yield cast(BinaryIO, stack.enter_context(member))


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    names = [name for name in archive.namelist() if not name.endswith("/")]
    names = [name for name in names if not name.startswith("__MACOSX/")]
    if len(names) != 1:
        raise DataError(f"{path} holds {len(names)} files; it should hold exactly one.")
    return names[0]


def lines(path: Path, rejects: Rejects) -> Iterator[tuple[str, str]]:
    """(place, line with its line break) for each line that is valid UTF-8 and not blank."""
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            if is_unicode(line):
                yield place(path, number), line
            else:
                rejects.add("not valid UTF-8", place(path, number))


def json_lines(path: Path, rejects: Rejects) -> Iterator[Row]:
    """One JSON value per line."""
    for where, line in lines(path, rejects):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):  # ValueError also covers numbers of absurd length
            rejects.add("not JSON", where)
        else:
            yield where, value


def csv_rows(
    path: Path,
    columns: Sequence[str],
    rejects: Rejects,
    encoding: str = UTF8,
    aliases: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, list[str]]]:
    """(place, the cells of `columns` in that order); `aliases` renames headers before the look-up.

    Raises DataError when the header lacks a column.
    """
    with open_text(path, encoding) as file:
        reader = csv.reader(file)
        header, wanted = _read_header(path, reader, columns, aliases or {})
        while True:
            where = place(path, reader.line_num + 1)
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error:  # a bare carriage return, or a quote that is never closed
                rejects.add("not CSV", where)
                continue
            problem = _row_problem(cells, len(header))
            if problem:
                rejects.add(problem, where)
            elif cells:
                yield where, [cells[index] for index in wanted]


def _read_header(
    path: Path, reader: Iterator[list[str]], columns: Sequence[str], aliases: Mapping[str, str]
) -> tuple[list[str], list[int]]:
    try:
        names = next(reader, [])
    except csv.Error:
        names = []
    header = [aliases.get(name, name) for name in (name.strip("\ufeff \r") for name in names)]
    missing = [column for column in columns if column not in header]
    if missing:
        found = ", ".join(header).encode(errors="replace").decode()[:200]
        raise DataError(f"{path} has no column {', '.join(missing)}; its first line reads: {found!r}.")
    return header, [header.index(column) for column in columns]


def _row_problem(cells: list[str], width: int) -> str | None:
    if not cells:
        return None  # a blank line
    if not is_unicode("".join(cells)):
        return "not valid in the file's encoding"
    return None if len(cells) == width else "wrong number of columns"


def parquet_rows(path: Path) -> Iterator[Row]:
    """One dict per row. Raises DataError for a file that is no whole Parquet file."""
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield place(path, number), row
    except (pyarrow.ArrowException, UnicodeDecodeError) as problem:
        raise DataError(f"{path} is not a whole Parquet file ({problem}): download it again.") from problem
