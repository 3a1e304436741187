"""What a score costs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from csft.report.analysis.pairing import scored
from csft.report.figures.naming import told
from csft.report.figures.style import BLUE, FAINT, GREY, ORANGE, lines, logarithmic, styled
from csft.report.saying import several
from csft.report.study_data import SELECT, StudyData, Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FEW = 40  # so many trials show their intervals; of more, those on the front alone
WIDE = 10  # from so many times the least on, hours stand on a logarithmic axis
Point = tuple[Trial, float, float]  # hours and percent


def cost(data: StudyData) -> "tuple[Figure, str] | None":
    """Score against hours, with the trials that none beats in both."""
    points = [
        (one, one.hours, share.percent)
        for one in data.finished
        if one.hours and one.eligible and (share := scored(data, one, SELECT))
    ]
    if not points:
        return None
    from plotly.graph_objects import Figure, Scatter

    front = pareto(points)
    on = {one.number for one, *_ in front}
    rest = [point for point in points if point[0].number not in on]
    line = Scatter(
        x=[hours for _, hours, _ in front], y=[score for *_, score in front], mode="lines", hoverinfo="skip",
        line={"shape": "hv", "color": ORANGE, "width": 1.5, "dash": "dot"}, showlegend=False,
    )  # fmt: skip
    few = len(points) <= FEW
    figure = Figure(
        [
            *([_dots(data, rest, "other trials", (GREY, "circle-open"), spread=few)] if rest else []),
            line,
            _dots(data, front, "none is better and cheaper", (BLUE, "circle"), spread=True),
        ]
    )
    hours = [hours for _, hours, _ in points]
    wide = max(hours) > WIDE * min(hours)
    kind = logarithmic([float(one) for one in hours]) if wide else {"rangemode": "tozero"}
    figure.update_xaxes(title_text="hours of a device (GPU-hours)", **kind)
    figure.update_yaxes(title_text="score on select, percent")
    told_of = [f"trial {one.number} with {score:.1f} % for {at:.3g} hours" for one, at, score in front]
    shown = told_of if len(told_of) <= 6 else [*told_of[:2], "…", *told_of[-2:]]
    return styled(figure, "Score against cost"), (
        f"Of {several(len(points), 'trial')}, no other is both better and cheaper than {'; '.join(shown)}. "
        "Points that stand close may differ by chance: lines are 95 % intervals."
    )


def pareto(points: Sequence[Point]) -> list[Point]:
    """The points that no other beats in hours and score, cheapest first."""
    front: list[Point] = []
    for point in sorted(points, key=lambda one: (one[1], -one[2], one[0].number)):
        if not front or point[2] > front[-1][2]:
            front.append(point)
    return front


def _dots(data: StudyData, points: Sequence[Point], name: str, look: tuple[str, str], *, spread: bool) -> Any:
    from plotly.graph_objects import Scatter

    shares = [share for one, *_ in points if (share := scored(data, one, SELECT))]
    colour, symbol = look
    line = {"thickness": 1, "width": 0, "color": colour if colour != GREY else FAINT}
    lows, highs = [share.low for share in shares], [share.high for share in shares]
    error = lines([share.percent for share in shares], lows, highs, **line)
    return Scatter(
        x=[hours for _, hours, _ in points],
        y=[score for *_, score in points],
        error_y=error if spread else None,
        mode="markers",
        name=name,
        marker={"color": colour, "symbol": symbol, "size": 9},
        text=[told(one) for one, *_ in points],
        hovertemplate="%{text}<br>%{y:.2f} % for %{x:.3g} hours<extra></extra>",
    )
