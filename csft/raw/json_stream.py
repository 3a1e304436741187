"""Top-level JSON arrays and objects of any size, one element at a time.

MedicalDialog's train_data.json has several GB; a window of the text is kept, never the whole.
A window that ends inside an element grows and is decoded again:

    [ {"a": 1}, {"b": | 2}, …      the second element fails at the window's end: read on, try again
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Literal, TextIO

from csft.errors import DataError
from csft.raw.files import Raw, open_text
from csft.raw.text import DECODER, Row, is_unicode, json_lines
from csft.rejects import Rejects

WINDOW = 1 << 18  # characters read at a time: small enough to stay in the processor's cache
LIMIT = 1 << 28  # characters of one element; a text that never ends must not fill the memory
_BLANKS = re.compile(r"[ \t\n\r]*")
# An error this close to the window's end may be a literal or escape that goes on behind it.
_MARGIN = 16
Kind = Literal["array", "object"]


def json_array(raw: Raw, rejects: Rejects) -> Iterator[Row]:
    """The elements of a JSON array, each with its place (`b/a.json: row 3`).

    An element with bytes that are not UTF-8 is set aside. Raises DataError naming file and line where the
    text stops being JSON: what follows such a point cannot be told apart any more.
    """
    return _rows(raw, "array", rejects)


def json_object(raw: Raw, rejects: Rejects) -> Iterator[Row]:
    """The values of a JSON object, otherwise like `json_array`."""
    return _rows(raw, "object", rejects)


def json_rows(raw: Raw, rejects: Rejects) -> Iterator[Row]:
    """A JSON array or JSON Lines, told apart by the first character that is not blank."""
    with open_text(raw) as file:
        is_array = _Window(raw, file).peek() == "["
    return json_array(raw, rejects) if is_array else json_lines(raw, rejects)


def elements(raw: Raw, kind: Kind = "array") -> Iterator[tuple[Any, bool]]:
    """(value, whether its bytes were valid UTF-8); bytes that were not are lone surrogates in it."""
    opening, closing = ("[", "]") if kind == "array" else ("{", "}")
    with open_text(raw) as file:
        window = _Window(raw, file)
        if window.peek() != opening:
            raise DataError(f"{raw} does not hold a JSON {kind}: it should begin with {opening}.")
        window.take(opening)
        last = window.peek() == closing
        if last:
            window.take(closing)
        while not last:
            yield _named(window) if kind == "object" else window.decode()
            last = window.take("," + closing) == closing
        if window.peek():
            raise window.broken(f"something follows the {kind}'s end")


def _rows(raw: Raw, kind: Kind, rejects: Rejects) -> Iterator[Row]:
    name = raw.name
    for number, (value, valid) in enumerate(elements(raw, kind), start=1):
        if valid:
            yield f"{name}: row {number}", value
        else:
            rejects.add("not valid UTF-8", f"{name}: row {number}")


def _named(window: "_Window") -> tuple[Any, bool]:
    """The next value of an object."""
    if window.peek() != '"':
        raise window.broken("expected a name in quotes")
    _, name_valid = window.decode()
    window.take(":")
    value, valid = window.decode()
    return value, valid and name_valid


class _Window:
    """A moving window over a text; `at` is the next character in it, `line` the line of its first one."""

    def __init__(self, raw: Raw, file: TextIO):
        self.raw, self.file = raw, file
        self.text, self.at, self.line = "", 0, 1
        self.ended, self.valid = False, True

    def peek(self) -> str:
        """The next character that is not blank, empty at the end of the file."""
        while True:
            self.at = _BLANKS.match(self.text, self.at).end()  # type: ignore[union-attr]  # matches always
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self._grow()

    def take(self, allowed: str) -> str:
        """Consume the next character, which must be one of `allowed`."""
        sign = self.peek()
        if not sign or sign not in allowed:
            raise self.broken(f"expected {' or '.join(allowed)}")
        self.at += 1
        return sign

    def decode(self) -> tuple[Any, bool]:
        """Consume the next JSON value; also says whether its bytes were valid UTF-8."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as problem:
                if self.ended or not self._may_be_cut(problem):
                    raise self.broken(problem.msg) from None
            except RecursionError:
                raise self.broken("nested too deeply") from None
            else:
                if end + len("e+") < len(self.text) or self.ended:  # else a number may go on: 1.5|e+7
                    start, self.at = self.at, end
                    return value, self.valid or is_unicode(self.text[start:end])
            self._grow()

    def _may_be_cut(self, problem: json.JSONDecodeError) -> bool:
        """True when more text could mend it."""
        return problem.msg.startswith("Unterminated string") or problem.pos >= len(self.text) - _MARGIN

    def _grow(self) -> None:
        held = len(self.text) - self.at
        if held > LIMIT:
            raise self.broken(f"it goes on for more than {LIMIT >> 20} million characters")
        self.line += self.text.count("\n", 0, self.at)
        # Doubling keeps a huge element linear in its size, although each try starts at its beginning.
        chunk = self.file.read(max(WINDOW, held))
        self.text, self.at = self.text[self.at :] + chunk, 0
        self.valid = is_unicode(self.text)
        self.ended = not chunk

    def broken(self, why: str) -> DataError:
        """The error to raise at this point of the file."""
        line = self.line + self.text.count("\n", 0, self.at)
        where = f"{self.raw}, value beginning at line {line}"
        return DataError(f"{where}: not whole JSON ({why}). Download the file again or mend it.")
