"""What of a record is its own, for records that are more than a question and an answer.

An instruction before an input says what to do with it, often in the same words for a whole dataset: it must
be the same, and the inputs are compared without it. The instruction of a multiple-choice question only names
the exam and does not count, and options may stand in any order; but two such records can only be duplicates
when their options are the same texts and the right ones among them are the same texts. How alike the stems
and the explanations are is then looked at as in any other record.
"""

import hashlib
import re
from typing import NamedTuple

from csft.data.screen.conversations import Said
from csft.data.screen.plain import normalise

_LABEL = re.compile(r"^([A-Z])[:：.．、][ \t]*", re.MULTILINE)
_ANSWER = re.compile(r"(?:答案是|The answer is )([A-Z]+)\s*[.。]?\s*$")


class Parts(NamedTuple):
    """Texts to compare by likeness, and `key`: equal where all that must be the same is the same."""

    question: str
    answer: str
    key: int


def read_parts(said: Said) -> Parts | None:
    """The record's parts; None for a dialogue and for what is no more than a question and an answer."""
    if said.asked is None:
        return None
    instruction, text = said.asked
    output = said.turns[0][1]
    if choice := _choice(text or instruction, output, said.system):
        return choice
    if not text or not instruction:
        return None
    return Parts(text, output, key_of(f"{normalise(instruction)}\0{said.system}"))


def key_of(text: str) -> int:
    """64 bits of a text, never 0."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") | 1


def _choice(question: str, output: str, system: str) -> Parts | None:
    answer = _ANSWER.search(output) if "\nB" in question else None
    if answer is None:
        return None
    stem, *labelled = _LABEL.split(question)
    texts = [normalise(text) for text in labelled[1::2]]
    options = dict(zip(labelled[::2], texts, strict=True))
    if len(options) < 2 or not set(answer[1]) <= options.keys():
        return None
    right = sorted(options[letter] for letter in answer[1])
    said = [*sorted(text for text in texts if text), "", *right, "", system]
    return Parts(stem, output[: answer.start()], key_of("\0".join(said)))
