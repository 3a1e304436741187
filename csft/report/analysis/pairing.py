"""Two settings on the same questions, where a setting may have been trained with several seeds.

The unit is the question. A setting's mark of a question is the mean over its seeds, and two settings differ
on a question by d, from −1 to 1. Where nothing tells the two apart, d is as likely to be −d: the test is the
share of all such flips of signs whose sum is as far from zero as the one found. With one seed each, where d
is −1, 0 or 1, that is McNemar's exact test, and `csft.exam.comparison.weigh` computes it. The test speaks of
the models that were trained: how far a setting moves with a seed that was not tried is not in it.

Shapes: S seeds, Q questions.
"""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING

from csft.cmb import SUB_EXAMS
from csft.exam.comparison import ALPHA, Difference, corrected, detectable, weigh
from csft.exam.noise import CONFIDENCE, DRAWS, SEED, Figure, figure, percentile_interval
from csft.report.study_data import Marks, StudyData, Trial

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Right = NDArray[np.bool_]


def right_of(marks: Marks, trial: Trial) -> "Right | None":
    """Who has what right among a trial's runs, (S, Q); None where no run's answers are there."""
    return _rows(marks, marks.rows, trial)


def base_right_of(marks: Marks, trial: Trial) -> "Right | None":
    """The same of the untrained models its runs started from, each of them once."""
    return _rows(marks, marks.base_rows, trial)


def share(right_SQ: "Right") -> Figure:
    """The mean over seeds with its Wilson interval; `correct` is the mean too, to the nearest question.

    Seeds are no further questions, so `n` is theirs once and the interval as wide as that of one seed.
    """
    seeds, n = right_SQ.shape
    if seeds == 1:
        return figure(int(right_SQ.sum()), n)
    mean, z2 = float(right_SQ.mean()), NormalDist().inv_cdf((1 + CONFIDENCE) / 2) ** 2
    middle = (mean + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (mean * (1 - mean) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return Figure(100 * mean, round(mean * n), n, 100 * (middle - half), 100 * (middle + half))


def scored(data: StudyData, trial: Trial, split: str) -> Figure | None:
    """A trial's score on a split, the mean over its seeds."""
    scores, marks = trial.scores(split), data.marks.get(split)
    if len(trial.runs) > 1 and marks is not None and (right_SQ := right_of(marks, trial)) is not None:
        return share(right_SQ)
    return scores.figures["total"] if scores else None


def difference(a_SQ: "Right", b_SQ: "Right", alpha: float = ALPHA) -> Difference:
    """Setting b against setting a. With several seeds, `only_a` and `only_b` are where a mean is higher.

    `alpha` is what p has to stay below in `detectable`.
    """
    n, seeds = a_SQ.shape[1], (len(a_SQ), len(b_SQ))
    right_a, right_b = a_SQ.sum(axis=0), b_SQ.sum(axis=0)
    d_Q = right_b * seeds[0] - right_a * seeds[1]
    if seeds == (1, 1):
        only_a, only_b = int((d_Q < 0).sum()), int((d_Q > 0).sum())
        return weigh(n, int(right_a.sum()) - only_a, only_a, only_b, alpha)
    steps = seeds[0] * seeds[1]
    low, high = _interval(d_Q, steps)
    return Difference(
        n=n,
        percent_a=100 * float(a_SQ.mean()),
        percent_b=100 * float(b_SQ.mean()),
        difference=100 * float(d_Q.sum()) / (steps * n),
        low=low,
        high=high,
        only_a=int((d_Q < 0).sum()),
        only_b=int((d_Q > 0).sum()),
        p=flip_p(d_Q),
        detectable=detectable(n, float((d_Q.astype(float) ** 2).sum()) / steps**2, alpha),
    )


def sub_exams(a_SQ: "Right", b_SQ: "Right", sub_exam_Q: "NDArray[np.int16]") -> Mapping[str, Difference]:
    """Setting b against setting a, sub-exam by sub-exam, corrected for their number (Benjamini, Hochberg)."""
    asked = [(place, sub.key) for place, sub in enumerate(SUB_EXAMS) if (sub_exam_Q == place).any()]
    found = {}
    for place, key in asked:
        here_Q = sub_exam_Q == place
        found[key] = difference(a_SQ[:, here_Q], b_SQ[:, here_Q], ALPHA / len(asked))
    return corrected(found)


def flip_p(d_Q: "NDArray[np.int64]") -> float:
    """Share of all flips of the signs of whole numbers whose sum is as far from zero as theirs.

    The sum of those of one size is a binomial count, and counts of different sizes add up by convolution.
    """
    import numpy as np
    from scipy.signal import fftconvolve
    from scipy.stats import binom

    chances, sizes = np.ones(1), np.bincount(np.abs(d_Q))
    for size in range(1, len(sizes)):
        if sizes[size]:
            own = np.zeros(size * sizes[size] + 1)
            own[::size] = binom.pmf(np.arange(sizes[size] + 1), sizes[size], 0.5)
            chances = fftconvolve(chances, own)
    # chances[k]: that those with a plus sign add up to k; all together add up to len(chances) − 1.
    sums = np.abs(2 * np.arange(len(chances)) - (len(chances) - 1))
    tail = float(chances[sums >= abs(int(d_Q.sum()))].sum())
    return min(1.0, max(tail, 1e-12))  # below, the convolution's rounding is all there is


def _rows(marks: Marks, rows: Mapping[tuple[int, int], int], trial: Trial) -> "Right | None":
    places = [
        rows[(trial.number, place)] for place in range(len(trial.runs)) if (trial.number, place) in rows
    ]
    return marks.right_MQ[list(dict.fromkeys(places))] if places else None


def _interval(d_Q: "NDArray[np.int64]", steps: int) -> tuple[float, float]:
    """Percentile bootstrap over questions, one imagined question added to either side as in `weigh`."""
    import numpy as np

    counts = np.bincount(d_Q + steps, minlength=2 * steps + 1)
    counts[[0, -1]] += 1
    size = int(counts.sum())
    drawn = np.random.default_rng(SEED).multinomial(size, counts / size, DRAWS)
    low, high = percentile_interval(100 * (drawn @ np.arange(-steps, steps + 1)) / (steps * size))
    return low, high
