"""Where raw data lies, as a file of its own or inside a zip, and opening it."""

import contextlib
import fnmatch
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TextIO, cast

from csft.errors import DataError

UTF8 = "utf-8-sig"  # UTF-8, with or without a byte order mark
BUFFER = 1 << 18
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
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


@dataclass(frozen=True)
class Raw:
    """A raw file: `path` itself, or `member` of the zip at `path`."""

    path: Path
    member: str = ""

    @property
    def name(self) -> str:
        """`US/train.jsonl`: enough of the path to tell files of one name apart."""
        whole = PurePosixPath(self.member) if self.member else self.path
        return f"{whole.parent.name}/{whole.name}".lstrip("/")

    @property
    def stem(self) -> str:
        """The name without folder and ending."""
        return PurePosixPath(self.member or self.path.name).stem

    @property
    def folder(self) -> str:
        """The name of the folder it lies in."""
        return (PurePosixPath(self.member) if self.member else self.path).parent.name

    @property
    def is_parquet(self) -> bool:
        """True for a Parquet table; all other raw files are text."""
        return (self.member or self.path.name).endswith(".parquet")

    def __str__(self) -> str:
        return f"{self.path}, {self.member}" if self.member else str(self.path)


def first_layout(folder: Path, *layouts: Sequence[str]) -> list[Path]:
    """The files of the first layout (a group of glob patterns) that matches any, sorted.

    `a.zip!b.json` is a zip `a.zip` (the first part a pattern too) that holds a file `b.json`, at any depth.
    A damaged zip is taken too, so that opening it says what is wrong.
    """
    for patterns in layouts:
        found: set[Path] = set()
        for pattern in patterns:
            outer, _, inner = pattern.partition("!")
            paths = (path for path in folder.glob(outer) if path.is_file())
            found.update(path for path in paths if not inner or _may_hold(path, inner))
        if found:
            return sorted(found)
    return []


def parts(paths: Iterable[Path], *names: str) -> Iterator[Raw]:
    """Each path, a zip replaced by its members that match one of `names` (`US/train.jsonl`, at any depth).

    A zip with a single file gives that one, whatever it is called. Raises DataError for a damaged zip and
    for one that holds several files of other names.
    """
    for path in paths:
        if path.suffix != ".zip":
            yield Raw(path)
            continue
        members = _members(path)
        wanted = [member for member in members if _matches(member, names)]
        if not wanted and len(members) != 1:
            expected = " or ".join(names) or "exactly one"
            raise DataError(f"{path} holds {len(members)} files; expected in it: {expected}.")
        yield from (Raw(path, member) for member in wanted or members)


@contextlib.contextmanager
def open_bytes(raw: Raw) -> Iterator[io.BufferedReader]:
    """Open for reading. Raises DataError when a zip is damaged or cut short, also later while reading."""
    try:
        with _open_member(raw) if raw.member else _open_file(raw.path) as binary:
            if binary.peek(2)[:2] in _UTF16:
                raise DataError(f"{raw} is UTF-16 text: save it as UTF-8.")
            yield binary
    except _DAMAGED as problem:
        raise DataError(f"{raw} is damaged or cut short ({problem}): download it again.") from problem


@contextlib.contextmanager
def open_text(raw: Raw, encoding: str = UTF8) -> Iterator[TextIO]:
    """Open as text; only `\\n` ends a line. Bytes that are not `encoding` become lone surrogates."""
    with open_bytes(raw) as binary:
        yield io.TextIOWrapper(binary, encoding, errors="surrogateescape", newline="\n")


def _open_file(path: Path) -> io.BufferedReader:
    return io.BufferedReader(io.FileIO(path), BUFFER)


@contextlib.contextmanager
def _open_member(raw: Raw) -> Iterator[io.BufferedReader]:
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(raw.path))
            member = stack.enter_context(archive.open(raw.member))
        except _UNREADABLE as problem:
            raise _not_whole(raw.path, problem) from problem
        yield io.BufferedReader(cast(io.RawIOBase, member), BUFFER)


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(archive.namelist())
    except _UNREADABLE as problem:
        raise _not_whole(path, problem) from problem
    return [name for name in names if not name.endswith("/") and not name.startswith("__MACOSX/")]


def _may_hold(path: Path, name: str) -> bool:
    try:
        return any(_matches(member, [name]) for member in _members(path))
    except DataError:
        return True


def _matches(member: str, names: Sequence[str]) -> bool:
    return any(fnmatch.fnmatchcase(f"/{member}", f"*/{name}") for name in names)


def _not_whole(path: Path, problem: Exception) -> DataError:
    return DataError(f"{path} is not a whole zip file ({problem}): download it again.")
