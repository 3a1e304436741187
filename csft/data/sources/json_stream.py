"""Top-level JSON arrays and objects of any size, one element at a time.

MedicalDialog's train_data.json has several GB; a window of the text is kept, never the whole.
A window that ends inside an element grows and is decoded again:

    [ {"a": 1}, {"b": | 2}, …      the second element fails at the window's end: read on, try again
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TextIO

from csft.data.sources.raw import json_lines, open_text, place
from csft.data.sources.records import Row, is_unicode
from csft.errors import DataError
from csft.rejects import Rejects

WINDOW = 1 << 20  # characters read at a time
_BLANKS = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
# An error this close to the window's end may be a literal or escape that goes on behind it.
_MARGIN = 16


def json_array(path: Path, rejects: Rejects) -> Iterator[Row]:
    """The elements of a JSON array with the line each begins on.

    An element with bytes that are not UTF-8 is set aside. Raises DataError naming file and line where the
    text stops being JSON: what follows such a point cannot be told apart any more.
    """
    return _elements(path, "array", rejects)


def json_object(path: Path, rejects: Rejects) -> Iterator[Row]:
    """The values of a JSON object, otherwise like `json_array`."""
    return _elements(path, "object", rejects)


def json_rows(path: Path, rejects: Rejects) -> Iterator[Row]:
    """A JSON array or JSON Lines, told apart by the first character that is not blank."""
    with open_text(path) as file:
        is_array = _Window(path, file).peek() == "["
    return json_array(path, rejects) if is_array else json_lines(path, rejects)


def _elements(path: Path, kind: Literal["array", "object"], rejects: Rejects) -> Iterator[Row]:
    opening, closing = ("[", "]") if kind == "array" else ("{", "}")
    with open_text(path) as file:
        window = _Window(path, file)
        if window.peek() != opening:
            raise DataError(f"{path} does not hold a JSON {kind}: it should begin with {opening}.")
        window.take(opening)
        last = window.peek() == closing
        if last:
            window.take(closing)
        while not last:
            text, value, line = _element(window, named=kind == "object")
            if is_unicode(text):
                yield place(path, line), value
            else:
                rejects.add("not valid UTF-8", place(path, line))
            last = window.take("," + closing) == closing
        if window.peek():
            raise window.broken(f"something follows the {kind}'s end")


def _element(window: "_Window", named: bool) -> tuple[str, Any, int]:
    """The next element's text (with its name), value and line."""
    sign, line = window.peek(), window.line
    if not named:
        return *window.decode(), line
    if sign != '"':
        raise window.broken("expected a name in quotes")
    name, _ = window.decode()
    window.take(":")
    text, value = window.decode()
    return name + text, value, line


class _Window:
    """A moving window over a text; `at` is the next character in it, `line` that character's line."""

    def __init__(self, path: Path, file: TextIO):
        self.path, self.file = path, file
        self.text, self.at, self.line = "", 0, 1
        self.ended = False

    def peek(self) -> str:
        """The next character that is not blank, empty at the end of the file."""
        while True:
            blanks = _BLANKS.match(self.text, self.at)
            assert blanks is not None  # the pattern matches the empty text
            self._advance(blanks.end())
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self._grow()

    def take(self, allowed: str) -> str:
        """Consume the next character, which must be one of `allowed`."""
        sign = self.peek()
        if not sign or sign not in allowed:
            raise self.broken(f"expected {' or '.join(allowed)}")
        self._advance(self.at + 1)
        return sign

    def decode(self) -> tuple[str, Any]:
        """Consume the next JSON value; returns its text and the value."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
            except json.JSONDecodeError as problem:
                if self.ended or not self._may_be_cut(problem):
                    raise self.broken(problem.msg) from None
            except (ValueError, RecursionError) as problem:  # an absurdly long number or deep nesting
                raise self.broken(str(problem)) from None
            else:
                if end + len("e+") < len(self.text) or self.ended:  # else a number may go on: 1.5|e+7
                    text = self.text[self.at : end]
                    self._advance(end)
                    return text, value
            self._grow()

    def _may_be_cut(self, problem: json.JSONDecodeError) -> bool:
        """True when more text could mend it."""
        return problem.msg.startswith("Unterminated string") or problem.pos >= len(self.text) - _MARGIN

    def _advance(self, at: int) -> None:
        self.line += self.text.count("\n", self.at, at)
        self.at = at

    def _grow(self) -> None:
        # Doubling keeps a huge element linear in its size, although each try starts at its beginning.
        chunk = self.file.read(max(WINDOW, len(self.text) - self.at))
        self.text, self.at = self.text[self.at :] + chunk, 0
        self.ended = not chunk

    def broken(self, why: str) -> DataError:
        """The error to raise at this point of the file."""
        where = f"{self.path}, value beginning at line {self.line}"
        return DataError(f"{where}: not whole JSON ({why}). Download the file again or mend it.")
