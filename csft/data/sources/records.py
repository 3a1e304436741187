"""What converters share: checked fields, option lines, and the loop that sets bad records aside."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from string import ascii_uppercase
from typing import Any

from csft.data.alpaca import Alpaca
from csft.rejects import Rejects

Row = tuple[str, Any]
"""Where a raw record stands (`train.json:17`) and the record."""


class RecordError(ValueError):
    """Why a record cannot be used; the text is the reason it is counted under, so it holds no values."""


def convert_rows(
    rows: Iterable[Row], convert: Callable[[Any], Iterable[Alpaca]], rejects: Rejects
) -> Iterator[Alpaca]:
    """Convert row by row. What a dialogue gave before its bad turn stays; its rest is counted once."""
    for where, row in rows:
        try:
            yield from convert(row)
        except RecordError as problem:
            rejects.add(str(problem), where)


def require_object(value: Any, name: str = "record") -> Mapping[str, Any]:
    """Raise RecordError unless `value` is a JSON object."""
    if not isinstance(value, dict):
        raise RecordError(f"{name} is not an object")
    return value


def require_list(value: Any, name: str) -> list[Any]:
    """Raise RecordError unless `value` is a JSON array."""
    if not isinstance(value, list):
        raise RecordError(f"no {name}" if value is None else f"{name} is not a list")
    return value


def require_text(value: Any, name: str) -> str:
    """Text with something in it, as it stands. Raises RecordError otherwise."""
    if value is None:
        raise RecordError(f"no {name}")
    if not isinstance(value, str):
        raise RecordError(f"{name} is not text")
    if not value.strip():
        raise RecordError(f"empty {name}")
    if not is_unicode(value):
        raise RecordError("not valid Unicode")
    return value


def optional_text(value: Any, name: str) -> str:
    """Like `require_text`, but absent, null and blank all give an empty text."""
    blank = value is None or (isinstance(value, str) and not value.strip())
    return "" if blank else require_text(value, name)


def require_options(value: Any) -> dict[str, str]:
    """Options from an object by letter, in the letters' order; a blank one is not offered."""
    texts = {} if value is None else require_object(value, "options")
    if any(not (len(letter) == 1 and "A" <= letter <= "Z") for letter in texts):
        raise RecordError("option key is not a letter")
    return _offered({letter: texts[letter] for letter in sorted(texts)})


def letter_options(texts: Iterable[Any]) -> dict[str, str]:
    """Options from a list, by letter; a blank one is not offered but keeps its letter."""
    return _offered(dict(zip(ascii_uppercase, texts, strict=False)))


def _offered(texts: Mapping[str, Any]) -> dict[str, str]:
    options = {letter: optional_text(text, "option") for letter, text in texts.items()}
    offered = {letter: text for letter, text in options.items() if text}
    if not offered:
        raise RecordError("no options")
    return offered


def require_answer(value: Any, options: Mapping[str, str]) -> str:
    """The letters of an answer. Raises RecordError unless each names an option."""
    answer = require_text(value, "answer").strip()
    if not set(answer) <= options.keys():
        raise RecordError("answer outside the options")
    return answer


def letter_of(number: Any, options: Mapping[str, str]) -> str:
    """The letter of a 1-based number, given as 2 or "2". Raises RecordError outside the options."""
    if number is None:
        raise RecordError("no answer")
    written = "" if isinstance(number, bool) else str(number).strip()
    if not re.fullmatch(r"-?[0-9]{1,9}", written):
        raise RecordError("answer is not a whole number")
    letter = ascii_uppercase[int(written) - 1 : int(written)] if int(written) > 0 else ""
    if letter not in options:
        raise RecordError("answer outside the options")
    return letter


def ask(question: str, options: Mapping[str, str]) -> str:
    """The question and one `A: text` line per option, each ending in a line break."""
    return f"{question}\n" + "".join(f"{letter}: {text}\n" for letter, text in options.items())


def is_unicode(text: str) -> bool:
    """False for text with lone surrogates: bytes that were not UTF-8, or half an escaped pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
