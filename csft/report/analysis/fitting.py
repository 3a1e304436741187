"""A model of the trials' scores: what each parameter adds, the other parameters held equal.

Ordinary least squares with an additive effect per parameter. A parameter that only some trials have has zero
columns in the others, and a column that says where it is there. Columns that say the same are no obstacle:
what they leave open is recognised, and only that cannot be told.

Shapes: N trials, K columns, R rows of what is asked.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from csft.exam.comparison import ALPHA
from csft.report.analysis.axes import Axis
from csft.study.domains import Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEAST = 3  # degrees of freedom left for noise: below, intervals are so wide that they say nothing
DETAILS = (2, 1, 0)  # of csft.report.analysis.axes.Axis.form, the fullest first
ROUNDING = 1e-8


@dataclass(frozen=True)
class Estimate:
    """A mean or a difference with its 95 % interval, in points, and the p that it is zero."""

    value: float
    low: float
    high: float
    p: float

    @property
    def sure(self) -> bool:
        """Whether the interval does not hold zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Fit:
    """A fitted model. `blocks` are the columns of each axis, by name."""

    axes: tuple[Axis, ...]
    detail: int
    design_NK: "Array"
    score_N: "Array"
    blocks: "dict[str, slice]"

    @cached_property
    def model(self) -> Any:
        """The results of statsmodels."""
        return _least_squares(self.score_N, self.design_NK)

    @property
    def left(self) -> int:
        """Degrees of freedom that are left for noise."""
        return int(self.model.df_resid)

    @property
    def noiseless(self) -> bool:
        """Whether the model leaves nothing over from which uncertainty could be told."""
        scale = max(float(abs(self.score_N).max()), 1.0)
        return float(abs(self.model.resid).max()) < ROUNDING * scale

    def axis(self, name: str) -> Axis:
        """An axis by its name."""
        return next(one for one in self.axes if one.name == name)

    def row(self, name: str, value: Value) -> "Array":
        """What asks for the mean score with a value of a parameter in all trials that have it, (K,)."""
        import numpy as np

        axis = self.axis(name)
        row = self.design_NK[np.array(axis.there)].mean(axis=0)
        row[self.blocks[name]] = axis.code(value, axis.form(self.detail))
        return np.asarray(row)

    def told(self, rows_RK: "Array") -> bool:
        """Whether the trials say what is asked: other trials of the same settings would be answered alike."""
        import numpy as np

        return bool(np.allclose(rows_RK @ self._span, rows_RK, atol=1e-6))

    def estimate(self, row_K: "Array") -> Estimate:
        """A mean or a difference with Student's t interval."""
        found = self.model.t_test(row_K)
        low, high = found.conf_int(ALPHA)[0]
        return Estimate(float(found.effect[0]), float(low), float(high), float(found.pvalue))

    def simultaneous(self, row_K: "Array", dimensions: int, alpha: float = ALPHA) -> Estimate:
        """A difference that was looked for among all those of so many dimensions: Scheffé's interval."""
        from scipy.stats import f

        found = self.model.t_test(row_K)
        value, error = float(found.effect[0]), float(found.sd[0, 0])
        reach = float((dimensions * f.isf(alpha, dimensions, self.left)) ** 0.5) * error
        p = float(f.sf((value / error) ** 2 / dimensions, dimensions, self.left))
        return Estimate(value, value - reach, value + reach, p)

    def without(self, name: str) -> tuple[float, int]:
        """The p of an F test that a parameter has no effect, and the degrees of freedom it takes."""
        import numpy as np

        return self.against(np.delete(self.design_NK, self.blocks[name], axis=1))

    def against(self, smaller_NK: "Array") -> tuple[float, int]:
        """The p of an F test that a smaller model does as well, and by how many dimensions it is smaller."""
        from scipy.stats import f

        smaller = _least_squares(self.score_N, smaller_NK)
        fewer = int(smaller.df_resid) - self.left
        if fewer <= 0:
            return 1.0, 0
        gain = max(float(smaller.ssr - self.model.ssr), 0.0) / fewer
        return float(f.sf(gain / (self.model.ssr / self.left), fewer, self.left)), fewer

    @cached_property
    def _span(self) -> "Array":
        """Projects on what the trials' settings span, (K, K)."""
        import numpy as np

        _, size, directions = np.linalg.svd(self.design_NK, full_matrices=False)
        kept = directions[size > ROUNDING * size[0]]
        return np.asarray(kept.T @ kept)


def fit(axes: Sequence[Axis], scores: Sequence[float]) -> Fit | None:
    """The fullest model that leaves enough for noise; None where the trials are too few for the plainest."""
    for detail in DETAILS:
        made = _made(axes, scores, detail)
        if made.left >= LEAST:
            return made
    return None


def needed(axes: Sequence[Axis]) -> int:
    """How many trials the plainest model wants."""
    return 1 + sum(len(axis.code(axis.levels[0], axis.form(DETAILS[-1]))) for axis in axes) + LEAST


def _least_squares(score_N: "Array", design_NK: "Array") -> Any:
    from statsmodels.regression.linear_model import OLS

    with warnings.catch_warnings():  # of columns that say the same: `told` sees to that
        warnings.simplefilter("ignore")
        return OLS(score_N, design_NK).fit()


def _made(axes: Sequence[Axis], scores: Sequence[float], detail: int) -> Fit:
    import numpy as np

    parts, blocks, at = [np.ones((len(scores), 1))], {}, 1
    for axis in axes:
        columns = axis.columns(axis.form(detail))
        blocks[axis.name] = slice(at, at + columns.shape[1])
        parts.append(columns)
        at += columns.shape[1]
    for there in dict.fromkeys(axis.there for axis in axes if not all(axis.there)):
        parts.append(np.array(there, float)[:, None])
    return Fit(tuple(axes), detail, np.hstack(parts), np.asarray(scores, float), blocks)
