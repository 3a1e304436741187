"""Text line by line, and JSON Lines."""

import codecs
import json
from collections.abc import Iterator
from functools import partial
from io import BufferedReader
from typing import Any

from csft.raw.files import Raw, open_bytes
from csft.rejects import Rejects

Row = tuple[str, Any]
"""Where a raw record stands (`US/train.jsonl:17`) and the record."""

# Bytes of one line; nothing published comes near, and a file of zeros must not fill the memory.
LIMIT = 1 << 28
_DIGITS = 1000


def is_unicode(text: str) -> bool:
    """False for text with lone surrogates: bytes that were not UTF-8, or half an escaped pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def whole_number(digits: str) -> int | str:
    """Numbers of absurd length stay text: Python refuses them, which would cost the rest of the file."""
    return int(digits) if len(digits) < _DIGITS else digits


# Not strict: line breaks and control characters inside a text are read as they are.
DECODER = json.JSONDecoder(strict=False, parse_int=whole_number)


def numbered(raw: Raw, rejects: Rejects, encoding: str = "utf-8") -> Iterator[tuple[int, str, bool]]:
    """(number, line with its line break, whether its bytes were valid) for every line.

    Invalid bytes become lone surrogates. A line longer than LIMIT is set aside.
    """
    with open_bytes(raw) as binary:
        if binary.peek(3).startswith(codecs.BOM_UTF8):
            binary.read(3)
        for number, line in enumerate(iter(partial(binary.readline, LIMIT), b""), start=1):
            if len(line) == LIMIT and not line.endswith(b"\n"):
                _skip_line(binary)
                rejects.add(f"line longer than {LIMIT >> 20} MiB", f"{raw.name}:{number}")
                continue
            try:
                text, valid = line.decode(encoding), True
            except UnicodeDecodeError:
                text, valid = line.decode(encoding, "surrogateescape"), False
            yield number, text, valid


def lines(raw: Raw, rejects: Rejects) -> Iterator[tuple[str, str]]:
    """(place, line with its line break) for each line that is valid UTF-8 and not blank."""
    name = raw.name
    for number, line, valid in numbered(raw, rejects):
        if not valid:
            rejects.add("not valid UTF-8", f"{name}:{number}")
        elif line and not line.isspace():
            yield f"{name}:{number}", line


def json_lines(raw: Raw, rejects: Rejects) -> Iterator[Row]:
    """One JSON value per line."""
    decode = DECODER.decode
    for where, line in lines(raw, rejects):
        try:
            value = decode(line)
        except (ValueError, RecursionError):
            rejects.add("not JSON", where)
        else:
            yield where, value


def _skip_line(binary: BufferedReader) -> None:
    while (more := binary.readline(LIMIT)) and not more.endswith(b"\n"):
        pass
