"""Differences with their intervals, a row each: who is better for certain shows in colour and symbol."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csft.exam.comparison import Difference
from csft.report.analysis import BETTER, UNDECIDED, WORSE
from csft.report.figures.naming import difference
from csft.report.figures.style import BLUE, MUTED, ORANGE, by_rows, lines, plain, rows_high, styled
from csft.report.saying import chance

if TYPE_CHECKING:
    from plotly.graph_objects import Figure, Scatter

LOOKS = {BETTER: (BLUE, "circle"), WORSE: (ORANGE, "square"), UNDECIDED: (MUTED, "circle-open")}


@dataclass(frozen=True)
class Row:
    """One difference; `p` is corrected for the number of rows, `short` its name on a phone."""

    name: str
    difference: Difference
    p: float
    standing: str  # better | worse | undecided
    short: str = ""


def forest(rows: Sequence[Row], title: str, axis: str, half: bool = False) -> "Figure":
    """The rows from the top, with a line at no difference."""
    from plotly.graph_objects import Figure

    figure = Figure(
        [_dots(rows, standing) for standing in LOOKS if any(r.standing == standing for r in rows)]
    )
    figure.add_vline(x=0, line={"color": MUTED, "width": 1})
    figure.update_xaxes(title_text=axis)
    short = [row.short for row in rows] if any(row.short for row in rows) else None
    phone = by_rows(figure, [row.name for row in rows], short)
    return styled(figure, title, rows_high(len(rows), 130), half=half, phone=phone)


def counted(rows: Sequence[Row]) -> dict[str, int]:
    """How many stand in each way, without those that none does."""
    counts = {standing: sum(row.standing == standing for row in rows) for standing in LOOKS}
    return {standing: count for standing, count in counts.items() if count}


def _dots(rows: Sequence[Row], standing: str) -> "Scatter":
    from plotly.graph_objects import Scatter

    colour, symbol = LOOKS[standing]
    having = [(place, row) for place, row in enumerate(rows) if row.standing == standing]
    found = [row.difference for _, row in having]
    return Scatter(
        x=[one.difference for one in found],
        y=[place for place, _ in having],
        error_x=lines(
            [one.difference for one in found], [one.low for one in found], [one.high for one in found]
        ),
        mode="markers",
        name=standing,
        marker={"color": colour, "symbol": symbol, "size": 9},
        text=[
            f"{plain(row.name)}<br>{difference(row.difference)}<br>{chance(row.p)}, "
            f"{row.difference.n:,} questions"
            for _, row in having
        ],
        hovertemplate="%{text}<extra></extra>",
    )
