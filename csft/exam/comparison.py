"""Two sheets of answers to the same questions: how far apart, could it be chance, what would have shown.

Only questions that one sheet has right and the other wrong (discordant ones) tell the two apart.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from csft.cmb import EXAM_TYPES, SUB_EXAMS
from csft.exam.key import Key, KeyRow, check_ids, key_rows
from csft.exam.noise import DRAWS, SEED, percentile_interval

ALPHA, POWER = 0.05, 0.8


@dataclass(frozen=True, slots=True)
class Difference:
    """Sheet b against sheet a on `n` questions; percents, and differences in points (b − a).

    `low` to `high` is the 95 % paired bootstrap interval. `p` is McNemar's exact two-sided test; `p_fdr`,
    for the sub-exams alone, the p that allows for their number (false discovery rate). `detectable` is the
    smallest true difference in points that would have shown four times out of five, None where not even
    100 points would.
    """

    n: int
    percent_a: float
    percent_b: float
    difference: float
    low: float
    high: float
    only_a: int  # questions that a alone has right
    only_b: int
    p: float
    detectable: float | None
    p_fdr: float | None = None

    @property
    def clear(self) -> bool:
        """Whether chance alone would rarely do this: p, corrected where it has to be, is below 0.05."""
        return (self.p if self.p_fdr is None else self.p_fdr) < ALPHA


@dataclass(frozen=True, slots=True)
class Comparison:
    """Sheet b against sheet a, in all and part by part; a part that the exam does not ask has no entry."""

    total: Difference
    single: Difference | None
    multiple: Difference | None
    by_exam_type: dict[str, Difference]
    by_sub_exam: dict[str, Difference]


def compare(a: Mapping[int, str], b: Mapping[int, str], key: Key) -> Comparison:
    """Compare two sheets `{id: letters}`, `b` against `a`, marked as `score` marks them.

    Raises ExamError unless both answer exactly the questions of `key`.
    """
    rows = key_rows(key)
    check_ids(a, rows, "The first sheet")
    check_ids(b, rows, "The second sheet")
    marks: dict[str, list[tuple[bool, bool]]] = {}
    for row in rows:
        for part in row.parts:
            marks.setdefault(part, []).append(_marks(row, a, b))
    sub_exams = [sub.key for sub in SUB_EXAMS if sub.key in marks]
    # The sub-exam that differs most must reach this alpha if it is the only one that differs.
    found = {
        part: _of_marks(pairs, ALPHA / len(sub_exams) if part in sub_exams else ALPHA)
        for part, pairs in marks.items()
    }
    return Comparison(
        total=found["total"],
        single=found.get("single"),
        multiple=found.get("multiple"),
        by_exam_type={name: found[name] for name in EXAM_TYPES.values() if name in found},
        by_sub_exam=corrected({name: found[name] for name in sub_exams}),
    )


def weigh(n: int, both: int, only_a: int, only_b: int, alpha: float = ALPHA) -> Difference:
    """Weigh `n` questions, of which both sheets have `both` right and one alone `only_a` or `only_b`.

    `alpha` is what p has to stay below in `detectable`.
    """
    from scipy.stats import binomtest

    low, high = _interval(n, only_a, only_b)
    discordant = only_a + only_b
    return Difference(
        n=n,
        percent_a=100 * (both + only_a) / n,
        percent_b=100 * (both + only_b) / n,
        difference=100 * (only_b - only_a) / n,
        low=low,
        high=high,
        only_a=only_a,
        only_b=only_b,
        p=float(binomtest(only_b, discordant).pvalue) if discordant else 1.0,
        detectable=detectable(n, discordant, alpha),
    )


def detectable(n: int, discordant: float, alpha: float = ALPHA) -> float | None:
    """Points that McNemar's test finds with the wanted power, in the normal approximation.

    The difference of `n` pairs has a standard error of about √(share / n) where `share` of the questions
    are discordant. A true difference makes at least as many discordant as it is large, so the share is
    the observed one or the difference itself, whichever is more: that gives the second term, which
    also answers for sheets without a discordant question.
    """
    reach = _reach(alpha)
    smallest = max(reach * math.sqrt(discordant) / n, reach**2 / n)
    return 100 * smallest if smallest <= 1 else None


def corrected(sub_exams: Mapping[str, Difference]) -> dict[str, Difference]:
    """Add `p_fdr` to the differences of one comparison's sub-exams, by Benjamini and Hochberg.

    Sub-exams share no question, so their tests are independent, as the rule asks; and a list of changed
    sub-exams is read to see where to look, where one false name among twenty does less harm than
    missing most of the true ones, which is Holm's price.
    """
    from scipy.stats import false_discovery_control

    adjusted = false_discovery_control([one.p for one in sub_exams.values()])
    return {
        name: replace(one, p_fdr=float(p)) for (name, one), p in zip(sub_exams.items(), adjusted, strict=True)
    }


def _marks(row: KeyRow, a: Mapping[int, str], b: Mapping[int, str]) -> tuple[bool, bool]:
    return a[row.id] == row.answer, b[row.id] == row.answer


def _of_marks(pairs: Sequence[tuple[bool, bool]], alpha: float) -> Difference:
    both, only_a, only_b = (pairs.count(pair) for pair in ((True, True), (True, False), (False, True)))
    return weigh(len(pairs), both, only_a, only_b, alpha)


def _interval(n: int, only_a: int, only_b: int) -> tuple[float, float]:
    """Percentile bootstrap over questions: a resample of `n` pairs of marks is one multinomial draw.

    One imagined question is added to either side (Bonett and Price 2012): without them a handful of
    discordant questions would seem certain, and none at all would mean no noise.
    """
    import numpy as np

    few, many = sorted((only_a, only_b))  # drawn the same way round, so that swapped sheets swap signs
    size = n + 2
    chances = [(many + 1) / size, (few + 1) / size, (n - few - many) / size]
    drawn = np.random.default_rng(SEED).multinomial(size, chances, DRAWS)
    low, high = percentile_interval(100 * (drawn[:, 0] - drawn[:, 1]) / size)
    return (low, high) if only_b >= only_a else (-high, -low)


@cache
def _reach(alpha: float) -> float:
    """Standard errors between no difference and one that shows."""
    from scipy.stats import norm

    return float(norm.isf(alpha / 2) + norm.isf(1 - POWER))
