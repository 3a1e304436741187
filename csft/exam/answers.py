"""Which letters a written answer names: CMB's own rule exactly, or the more careful one beside it."""

import re
from collections import Counter
from collections.abc import Iterable

from csft.cmb import MULTIPLE
from csft.errors import SettingError
from csft.exam.careful import LETTERS, careful

RULES = ("official", "careful")

# FreedomIntelligence/CMB, src/utils.py: what is said after the first such phrase, up to the sentence's end.
_OFFICIAL = re.compile(r"(?:答案|正确选项)(?:是|：|为|应该是|应该为)(.*?)(?:。|\.|$)", re.DOTALL)


def read_answer(text: str, question_type: str, rule: str = "official") -> str:
    """The letters that `text` answers with, "" when it names none (`careful`: or none for certain).

    `official` keeps letters as they come, repetitions and letters inside words included, and the first
    one of a single choice. `careful` wants letters that stand alone, returns them sorted and once, and
    refuses to choose between several candidates.
    """
    if rule not in RULES:
        raise SettingError("exam.rule", rule, " or ".join(RULES))
    multiple = question_type == MULTIPLE
    return careful(text, multiple) if rule == "careful" else _official(text, multiple)


def read_answers(texts: Iterable[str], question_type: str, rule: str = "official") -> str:
    """The letters that most of several samples answer with; of equals those that came first.

    Samples without an answer have no vote; "" when none has one (CMB's `extract_ans`).
    """
    votes = Counter(filter(None, (read_answer(text, question_type, rule) for text in texts)))
    return max(votes, key=votes.__getitem__, default="")


def decided(text: str) -> bool:
    """Whether the official rule reads the same letters however the text goes on: its sentence has ended."""
    found = _OFFICIAL.search(text)
    return found is not None and found[0][-1] in "。."


def _official(text: str, multiple: bool) -> str:
    found = _OFFICIAL.search(text)
    letters = "".join(sign for sign in (found.group(1) if found else text) if sign in LETTERS)
    return letters if multiple else letters[:1]
