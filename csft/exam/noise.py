"""How far a score would move with other questions of the same kind: intervals of shares and of means."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

CONFIDENCE = 0.95
DRAWS = 10_000
SEED = 28  # fixed: the same answers have the same intervals


@dataclass(frozen=True, slots=True)
class Figure:
    """`correct` of `n`; `percent` with its 95 % Wilson interval from `low` to `high`, in percent."""

    percent: float
    correct: int
    n: int
    low: float
    high: float


@lru_cache(maxsize=1 << 16)  # SciPy takes milliseconds, and a study's trials have many shares in common
def figure(correct: int, n: int) -> Figure:
    """A share in percent with its Wilson interval."""
    from scipy.stats import binomtest

    interval = binomtest(correct, n).proportion_ci(confidence_level=CONFIDENCE, method="wilson")
    return Figure(100 * correct / n, correct, n, 100 * float(interval.low), 100 * float(interval.high))


def mean_intervals(sub_exams: Mapping[str, Figure]) -> dict[str, list[float]]:
    """95 % percentile bootstrap intervals [low, high] of the means over sub-exams, in percent.

    Keys: `macro`, `macro_exam_types` and `category_means/physician` for every exam type among
    `sub_exams` (`physician/licensed_physician` and so on). Questions are drawn anew within each
    sub-exam; drawing `n` marks of which `correct` are right is one binomial draw.
    """
    import numpy as np

    keys = list(sub_exams)
    n = np.array([sub_exams[key].n for key in keys])
    correct = np.array([sub_exams[key].correct for key in keys])
    # One more question per sub-exam, answered as well as the exam as a whole: without it a sub-exam of
    # few questions, or one with all answers right, would seem to have no noise.
    overall = (correct.sum() + 1) / (n.sum() + 2)
    drawn = np.random.default_rng(SEED).binomial(n, (correct + overall) / (n + 1), (DRAWS, len(keys)))
    types = {name: [key.startswith(f"{name}/") for key in keys] for name in _exam_types(keys)}
    micro = [drawn[:, mask].sum(axis=1) / n[mask].sum() for mask in types.values()]
    means = {
        "macro": (drawn / n).mean(axis=1),
        "macro_exam_types": np.mean(micro, axis=0),
        **{f"category_means/{name}": (drawn / n)[:, mask].mean(axis=1) for name, mask in types.items()},
    }
    return {name: percentile_interval(100 * values) for name, values in means.items()}


def guess_interval(chances: Sequence[float]) -> list[float]:
    """[low, high] in percent that holds 95 % of the sheets that guess, given each question's chance."""
    import numpy as np

    of_chance = Counter(chances)
    drawn = np.random.default_rng(SEED).binomial(
        list(of_chance.values()), list(of_chance), (DRAWS, len(of_chance))
    )
    return percentile_interval(100 * drawn.sum(axis=1) / len(chances))


def percentile_interval(values: Any) -> list[float]:
    """[low, high] of the middle 95 % of the array `values`, as plain numbers."""
    import numpy as np

    tail = 100 * (1 - CONFIDENCE) / 2
    return [float(end) for end in np.percentile(values, [tail, 100 - tail])]


def _exam_types(keys: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(key.partition("/")[0] for key in keys))
