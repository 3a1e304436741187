"""What converters share: checked fields, option lines, and the loop that sets bad records aside."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from csft.data.alpaca import Alpaca
from csft.raw import is_unicode
from csft.raw.text import Row
from csft.rejects import Rejects

BLANK_OPTION = "blank option not offered"


class RecordError(ValueError):
    """Why a record cannot be used; the text is the reason it is counted under, so it holds no values."""


@dataclass(slots=True)
class Losses:
    """What one raw row loses although something of it is kept: whole `records`, or `parts` of one."""

    records: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    def tell(self, rejects: Rejects, where: str) -> None:
        """Count everything and start anew for the next row."""
        for reason in self.records:
            rejects.add(reason, where)
        for what in self.parts:
            rejects.note(what, where)
        self.records.clear()
        self.parts.clear()


Convert = Callable[[Any, Losses], Iterable[Alpaca]]


def convert_rows(
    rows: Iterable[Row], convert: Convert, rejects: Rejects, topics: bool = True
) -> Iterator[Alpaca]:
    """Convert row by row; each is a topic unless the caller counts them otherwise.

    What a dialogue gave before a turn that cannot be read stays; its rest is counted once.
    """
    losses = Losses()
    for where, row in rows:
        rejects.topics += topics
        try:
            yield from convert(row, losses)
        except RecordError as problem:
            losses.parts.clear()
            rejects.add(str(problem), where)
        if losses.records or losses.parts:
            losses.tell(rejects, where)


def dialogue(pairs: Iterable[tuple[str, str]], losses: Losses) -> Iterator[Alpaca]:
    """One record per (question, answer); `history` is the pairs before it.

    A pair without an answer teaches nothing and is left out, but stays in the history of the later ones,
    where the authors have it. A question may be empty: their rule for a greeting that answers nothing.
    """
    history: tuple[tuple[str, str], ...] = ()
    for pair in pairs:
        if pair[1].strip():
            yield Alpaca(pair[0], "", pair[1], history)
        else:
            losses.records.append("empty answer")
        history = (*history, pair)


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


def any_text(value: Any, name: str) -> str:
    """Text as it stands, also an empty one. Raises RecordError for anything else."""
    if not isinstance(value, str):
        raise RecordError(f"no {name}" if value is None else f"{name} is not text")
    if not is_unicode(value):
        raise RecordError("not valid Unicode")
    return value


def require_text(value: Any, name: str) -> str:
    """Text with something in it, as it stands. Raises RecordError otherwise."""
    text = any_text(value, name)
    if not text or text.isspace():
        raise RecordError(f"empty {name}")
    return text


def optional_text(value: Any, name: str) -> str:
    """Like `require_text`, but absent, null and blank all give an empty text."""
    text = "" if value is None else any_text(value, name)
    return "" if text.isspace() else text


def require_options(value: Any, losses: Losses) -> dict[str, str]:
    """Options from an object by letter, in the letters' order; a blank one is not offered."""
    texts = {} if value is None else require_object(value, "options")
    if any(not (len(letter) == 1 and "A" <= letter <= "Z") for letter in texts):
        raise RecordError("option key is not a letter")
    return _offered({letter: texts[letter] for letter in sorted(texts)}, losses)


def letter_options(texts: Iterable[Any], losses: Losses) -> dict[str, str]:
    """Options from a list, by letter; a blank one is not offered but keeps its letter."""
    given = list(texts)
    if len(given) > len(ascii_uppercase):
        raise RecordError("more options than letters")
    return _offered(dict(zip(ascii_uppercase, given, strict=False)), losses)


def _offered(texts: Mapping[str, Any], losses: Losses) -> dict[str, str]:
    options = {letter: optional_text(text, "option") for letter, text in texts.items()}
    offered = {letter: text for letter, text in options.items() if text}
    if not offered:
        raise RecordError("no options")
    losses.parts.extend([BLANK_OPTION] * (len(options) - len(offered)))
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
