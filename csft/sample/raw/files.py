"""Deterministic bytes: JSON in the indentation of each source, zip members with a fixed time."""

import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

_ZIP_TIME = (2020, 1, 1, 0, 0, 0)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def json_bytes(value: Any, indent: int | None = 4, ascii_only: bool = False) -> bytes:
    """JSON without a final line break."""
    return json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()


def json_lines(rows: Iterable[Any], planted: Iterable[str] = ()) -> bytes:
    """One object per line; `planted` lines are appended as they stand."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    return "".join(f"{line}\n" for line in [*lines, *planted]).encode()


def write_zip(path: Path, member: str, content: bytes) -> None:
    """A zip of one member, the same bytes whenever it is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entry = zipfile.ZipInfo(member, _ZIP_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(entry, content, compresslevel=6)


def uuid(rng: Random) -> str:
    """A version-4 look-alike from the seeded generator."""
    return str(UUID(int=rng.getrandbits(128), version=4))
