"""Exam questions whose words a text holds, in whatever order: paraphrases, reordered options.

An exam question is the set of the character triples of its stem and of each of its options; an option of one
or two characters counts as a whole and matches a line, or an option, that says just that. A text overlaps
the question when it holds at least `share` of the set, and half of the stem's own, where a triple counts the
more the fewer questions hold it: neither options that several questions share nor "the first choice is" make
one of them the other. Questions of fewer than `FEWEST` triples say too little to be recognised so and are
looked for by their stems alone.

A text that holds a share s of g triples lacks at most g - ceil(s g) of them, so that of any
g - ceil(s g) + h triples it holds h: looking for that many of a question's rarest ones misses nothing.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from csft.cmb import Question
from csft.data.screen.grams import Grams, Hashes, grams, whole
from csft.data.screen.lookup import Lookup, Rows
from csft.data.screen.plain import Plain, plain

# Of 1,500 real exam questions with one letter in eight of the stem changed at random, 98 % are found with
# triples, 58 % with runs of four and 29 % with runs of five. Consultations and English exams hold none of
# them by any of these: the most that one of 1,694 real records has in common with a question is 0.29.
SIZE = 3
FEWEST = 12
OF_STEM = 0.5
HITS = 6  # h above


class Overlap:
    """Finds the exam question that a text overlaps most."""

    def __init__(self, questions: Sequence[Question], share: float) -> None:
        self._stems, self._whole = _sets(questions)
        held_by = Counter(gram for of_question in self._whole for gram in of_question)
        self._weight = {g: round(1000 * math.log(1 + len(questions) / held_by[g])) for g in held_by}
        self._stem_weight = [self._weigh(stem) for stem in self._stems]
        self._needed = [math.ceil(share * len(of_question) - 1e-9) for of_question in self._whole]
        rare = [self._rarest(row) for row in range(len(questions))]
        keys = np.array([gram for of_question in rare for gram in of_question], np.uint64)
        self._lookup = Lookup(
            keys, np.repeat(np.arange(len(rare)), [len(of_question) for of_question in rare])
        )
        self._leads = self._lookup.matrix(len(questions))
        missing = [len(whole_) - needed for whole_, needed in zip(self._whole, self._needed, strict=True)]
        self._hits = np.array([len(found) for found in rare], np.int64) - np.array(missing, np.int64)

    def find(self, texts: Plain) -> tuple[Rows, NDArray[np.float32]]:
        """Per text the question it overlaps most, by number (-1: none), and the share of it that it holds."""
        found, (lines, line_owner) = grams(texts, SIZE), _short_lines(texts)
        row = np.full(len(texts), -1)
        share = np.zeros(len(texts), np.float32)
        held: frozenset[int] = frozenset()
        last = -1
        for text, question in self._candidates(found, lines, line_owner):
            if text != last:
                short = lines[slice(*np.searchsorted(line_owner, [text, text + 1]))]
                held, last = frozenset((*found.of(text).tolist(), *short.tolist())), text
            part = self._part(question, held)
            if part > share[text]:
                row[text], share[text] = question, part
        return row, share

    def _candidates(self, found: Grams, lines: Hashes, line_owner: Rows) -> list[tuple[int, int]]:
        """Texts and the questions of which they hold enough rare triples, in order."""
        from scipy.sparse import csr_array

        hashes = np.concatenate([found.hashes, lines])
        texts = len(found.start) - 1
        owner = np.concatenate([np.repeat(np.arange(texts), np.diff(found.start)), line_owner])
        place, key = self._lookup.find(hashes)
        held = csr_array(
            (np.ones(len(key), np.int32), (owner[place], key)), shape=(texts, self._leads.shape[0])
        )
        held.data[:] = 1  # a triple that a text repeats is one triple
        hits = (held @ self._leads).tocoo()
        enough = hits.data >= self._hits[hits.col]
        return sorted(zip(hits.row[enough].tolist(), hits.col[enough].tolist(), strict=True))

    def _part(self, question: int, held: frozenset[int]) -> float:
        """The share of a question that is held; 0 when it is too little."""
        common = len(self._whole[question] & held)
        if common < self._needed[question]:
            return 0.0
        if self._weigh(self._stems[question] & held) < OF_STEM * self._stem_weight[question]:
            return 0.0
        return common / len(self._whole[question])

    def _rarest(self, row: int) -> list[int]:
        """The triples to look for."""
        of_question = self._whole[row]
        if len(of_question) < FEWEST:
            return []
        ordered = sorted(of_question, key=lambda gram: (-self._weight[gram], gram))
        return ordered[: len(of_question) - self._needed[row] + HITS]

    def _weigh(self, found: frozenset[int]) -> int:
        return sum(self._weight[gram] for gram in found)


def _short_lines(texts: Plain) -> tuple[Hashes, Rows]:
    """The lines too short for a triple, each as a whole, and whose they are, in the order of texts."""
    begin = np.union1d(texts.lines, texts.start)
    length = np.diff(begin, append=begin[-1:])
    hashes = np.zeros(len(begin), np.uint64)
    for size in range(1, SIZE):
        hashes[length == size] = whole(texts.units, begin[length == size], size)
    short = (length > 0) & (length < SIZE)
    return hashes[short], np.searchsorted(texts.start, begin[short], "right") - 1


def _sets(questions: Sequence[Question]) -> tuple[list[frozenset[int]], list[frozenset[int]]]:
    """Per question the grams of its stem, and those of its stem and options together."""
    parts = [[question.question, *question.offered.values()] for question in questions]
    found = grams(plain([part for of_question in parts for part in of_question]), SIZE)
    stems, together, at = [], [], 0
    for of_question in parts:
        end = at + len(of_question)
        stems.append(frozenset(found.of(at).tolist()))
        together.append(frozenset(found.hashes[found.start[at] : found.start[end]].tolist()))
        at = end
    return stems, together
