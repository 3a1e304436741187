"""What is left out of training: doubles, empty answers, and records that overlap an exam question.

An exam stem and a record's questions are normalised (NFKC, case folded, letters and digits alone kept);
a record is left out when one of its questions contains the stem. A stem too short to stand on its own,
or one that recurs in the exams with other options ("which of the following is true"), is looked for
together with its lettered options. A stem is found through `STRIDE` neighbouring runs of `GRAM` characters,
its rarest ones: wherever it stands in a text, one of them begins at a multiple of `STRIDE`, so a record
costs a look at every third place however many stems there are.
"""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from csft.cmb import Question
from csft.data.template import turns
from csft.files import hash_value
from csft.rejects import Rejects

if TYPE_CHECKING:
    from csft.data.alpaca import Alpaca

GRAM, STRIDE = 6, 3
MIN_WEIGHT = 8.0  # a CJK character weighs 1, any other half: 8 characters of Chinese, 16 of English
_NOT_WORD = re.compile(r"[\W_]+")


def normalise(text: str) -> str:
    """NFKC, case folded, without blanks, punctuation and symbols."""
    return _NOT_WORD.sub("", unicodedata.normalize("NFKC", text).casefold())


class ExamIndex:
    """Finds the exam split whose question a text contains."""

    def __init__(self, exams: Mapping[str, Sequence[Question]]) -> None:
        needles = _needles(exams)
        self.hash = hash_value(sorted(needles.items()))
        frequency = Counter(gram for needle in needles for gram in set(_grams(needle)))
        self._by_gram: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for needle, split in needles.items():
            for gram in _rarest_run(_grams(needle), frequency):
                self._by_gram[gram].append((needle, split))
        self._grams = frozenset(self._by_gram)
        # the turns of a dialogue come back as the history of its later records
        self.split_in = lru_cache(maxsize=1024)(self._split_in)

    def _split_in(self, text: str) -> str | None:
        plain = normalise(text)
        for gram in sorted(self._grams.intersection(_grams(plain, STRIDE))):  # a set's own order is salted
            for needle, split in self._by_gram[gram]:
                if needle in plain:
                    return split
        return None


def screen(records: Iterable["Alpaca"], exams: ExamIndex, rejects: Rejects) -> Iterator["Alpaca"]:
    """Yield what may be trained on; count the rest by reason. Doubles are exact and within `records`."""
    seen: set[bytes] = set()
    for number, record in enumerate(records, 1):
        reason = _unfit(record, exams, seen)
        if reason is None:
            yield record
        else:
            rejects.add(reason, f"record {number}: {_excerpt(record)}")


def _unfit(record: "Alpaca", exams: ExamIndex, seen: set[bytes]) -> str | None:
    if not record.output.strip():
        return "empty output"
    spoken = turns(record)
    try:
        mark = _fingerprint(record.system, spoken)
    except UnicodeEncodeError:  # a lone surrogate: no file and no tokenizer can hold it
        return "not valid Unicode"
    if mark in seen:
        return "exact duplicate"
    seen.add(mark)
    for question, _ in spoken:
        if split := exams.split_in(question):
            return f"overlaps exam {split}"
    return None


def _fingerprint(system: str, spoken: Sequence[tuple[str, str]]) -> bytes:
    """128 bits of the conversation as the model would see it."""
    digest = hashlib.blake2b(system.encode(), digest_size=16)
    for question, answer in spoken:
        digest.update(f"\0{len(question)}\0{question}\0{answer}".encode())
    return digest.digest()


def _excerpt(record: "Alpaca") -> str:
    text = turns(record)[-1][0].encode(errors="replace").decode()
    return " ".join(text.split())[:80]


def _needles(exams: Mapping[str, Sequence[Question]]) -> dict[str, str]:
    """Normalised text to look for -> the first split that holds it."""
    seen_with: dict[str, set[str]] = defaultdict(set)
    rows = [(split, question) for split, questions in exams.items() for question in questions]
    for _, question in rows:
        seen_with[normalise(question.question)].add(normalise("".join(question.options.values())))
    needles: dict[str, str] = {}
    for split, question in rows:
        needle = normalise(question.question)
        if _weight(needle) < MIN_WEIGHT or len(seen_with[needle]) > 1:
            needle += normalise("".join(letter + text for letter, text in question.options.items()))
        if len(needle) >= GRAM + STRIDE - 1:
            needles.setdefault(needle, split)
    return needles


def _weight(text: str) -> float:
    return sum(1.0 if ord(char) > 0x2E7F else 0.5 for char in text)


def _grams(text: str, step: int = 1) -> list[str]:
    return [text[at : at + GRAM] for at in range(0, len(text) - GRAM + 1, step)]


def _rarest_run(grams: Sequence[str], frequency: Mapping[str, int]) -> set[str]:
    """The `STRIDE` neighbouring grams that the fewest stems hold; the first such run of a stem."""
    runs = [grams[at : at + STRIDE] for at in range(len(grams) - STRIDE + 1)]
    return set(min(runs, key=lambda run: sum(frequency[gram] for gram in run)))
