"""How much of the score's variation each parameter explains."""

from typing import TYPE_CHECKING

from csft.report.analysis import Analysis
from csft.report.figures.effects import unit
from csft.report.figures.style import BLUE, MUTED, by_rows, lines, plain, rows_high, styled

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def importance(found: Analysis) -> "tuple[Figure, str] | None":
    """Bars of shares, the largest first; lines are the range over forests grown from other seeds."""
    if not found.importances:
        return None
    from plotly.graph_objects import Bar, Figure

    ordered = sorted(found.importances, key=lambda one: -one.share)
    bars = Bar(
        x=[100 * one.share for one in ordered],
        y=list(range(len(ordered))),
        orientation="h",
        marker_color=BLUE,
        width=0.6,
        error_x=lines(
            [100 * one.share for one in ordered],
            [100 * min(one.low, one.share) for one in ordered],
            [100 * max(one.high, one.share) for one in ordered],
            color=MUTED,
        ),
        text=[plain(unit(one.parameter)) for one in ordered],
        textposition="none",
        hovertemplate="%{text}<br>%{x:.0f} %<extra></extra>",
    )
    figure = Figure(bars)
    figure.update_xaxes(title_text="percent of the score's variation (fANOVA)", rangemode="tozero")
    by_rows(figure, [unit(one.parameter) for one in ordered])
    styled(figure, "Importance of each parameter", rows_high(2 * len(ordered)))
    shares = [
        f"{unit(one.parameter)} {100 * one.share:.0f} % ({100 * one.low:.0f} to {100 * one.high:.0f})"
        for one in ordered
    ]
    return figure, (
        f"Share of the score's variation by parameter, with its range over forests grown from other seeds: "
        f"{'; '.join(shares)}. A share says how much a parameter moved the score within the values tried, "
        "not in which direction."
    )
