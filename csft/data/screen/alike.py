"""When two conversations say the same: the rule for near duplicates.

- The 5-character shingles of their normalised questions, and those of their answers, each have a Jaccard
  similarity of at least the threshold; a text shorter than a shingle must be the same.
- They hold the same figures, the same negations and the same opposites (left and right, raised and lowered):
  "is" and "is not", 45 and 46 years, 5 mg and 50 mg are different records however much else agrees.
- Multiple-choice questions offer the same options, of which the same are right; what has an instruction
  before its input has the same one (`parts`).

Signatures only propose pairs; this is decided on the texts, so no pair is taken for alike by chance.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

import numpy as np

from csft.data.screen.sketches import Sketches

SHINGLE = 5
_TELLING = re.compile(
    r"\d+|[不非无未没否勿禁忌除错左右高低升降增减阴阳]"
    r"|not|non|except|never|without|least|incorrect|false|left|right|high|low|increas|decreas"
)


class Alike:
    """Compares conversations of one or several sets, numbered through."""

    def __init__(self, sketches: Sequence[Sketches], threshold: float) -> None:
        self._sketches, self._threshold = sketches, threshold
        self._first = np.array([0, *accumulate(len(one) for one in sketches)])
        self._told = lru_cache(maxsize=4096)(self._tell)

    def __call__(self, one: int, other: int) -> float:
        """Their similarity, the lower of questions and answers; 0 when they are not near duplicates."""
        mine, theirs = self._told(one), self._told(other)
        if mine[0] != theirs[0] or not (mine[1] or mine[2]):
            return 0.0
        similarity = min(_jaccard(mine[1], theirs[1]), _jaccard(mine[2], theirs[2]))
        if similarity < self._threshold or mine[3] != theirs[3]:
            return 0.0
        return similarity

    def _tell(self, number: int) -> tuple[int, frozenset[str], frozenset[str], Counter[str]]:
        group = int(np.searchsorted(self._first, number, "right")) - 1
        sketches, number = self._sketches[group], number - int(self._first[group])
        question, answer = sketches.texts(number)
        telling = Counter(_TELLING.findall(f"{question} {answer}"))
        return int(sketches.keys[number]), _shingles(question), _shingles(answer), telling


def _shingles(text: str) -> frozenset[str]:
    if len(text) < SHINGLE:
        return frozenset([text] if text else [])
    return frozenset([text[at : at + SHINGLE] for at in range(len(text) - SHINGLE + 1)])


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    if not one and not other:
        return 1.0
    common = len(one & other)
    return common / (len(one) + len(other) - common)
