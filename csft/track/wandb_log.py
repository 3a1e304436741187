"""W&B's transaction logs, `run-<id>.wandb`: read whatever killed their writer, and written.

A header of 7 bytes, then blocks of 32 KiB in the log format of LevelDB: a record lies in one fragment or in
several (first, middle …, last), each headed by CRC-32 (of its type and its bytes), length and type; fewer
than 7 bytes at the end of a block are padding. Records are protobuf messages of W&B's own.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from csft.files import whole_file

BLOCK, HEAD = 1 << 15, 7
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
_IDENTITY = struct.Struct("<4sHB")
_FRAGMENT = struct.Struct("<IHB")
_MAGIC = b":W&B"


def records(path: Path) -> Iterator[Any]:
    """Give the records up to the first that is torn or damaged; none of a file that is no such log."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from wandb.proto import wandb_internal_pb2 as messages

    for content in _contents(path.read_bytes()):
        record = messages.Record()
        try:
            record.ParseFromString(content)
        except DecodeError:
            return
        yield record


def write(path: Path, kept: Iterable[Any]) -> None:
    """Replace the records of a log, numbered anew. Its writer may still hold the file that was there."""
    out = bytearray(path.read_bytes()[:HEAD])
    for number, record in enumerate(kept, 1):
        record.num = number
        _add(out, record.SerializeToString(deterministic=True))
    with whole_file(path) as temporary:
        temporary.write_bytes(out)


def kind(record: Any) -> str:
    """What a record holds: `run`, `history`, `stats`, …"""
    return str(record.WhichOneof("record_type"))


def _contents(data: bytes) -> Iterator[bytes]:
    if len(data) < HEAD or _IDENTITY.unpack_from(data)[0] != _MAGIC:
        return
    place, begun = HEAD, b""
    while place + HEAD <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEAD:
            place += left
            continue
        check, length, form = _FRAGMENT.unpack_from(data, place)
        part = data[place + HEAD : place + HEAD + length]
        place += HEAD + length
        if len(part) < length or form not in (FULL, FIRST, MIDDLE, LAST) or check != _check(form, part):
            return
        begun = part if form in (FULL, FIRST) else begun + part
        if form in (FULL, LAST):
            yield begun


def _add(out: bytearray, content: bytes) -> None:
    begun = False
    while True:
        left = BLOCK - len(out) % BLOCK
        if left < HEAD:
            out += bytes(left)
            left = BLOCK
        part, content = content[: left - HEAD], content[left - HEAD :]
        form = (MIDDLE if begun else FIRST) if content else (LAST if begun else FULL)
        out += _FRAGMENT.pack(_check(form, part), len(part), form) + part
        begun = True
        if not content:
            return


def _check(form: int, part: bytes) -> int:
    return zlib.crc32(part, zlib.crc32(bytes([form])))
