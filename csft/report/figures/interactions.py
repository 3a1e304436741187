"""Whether one parameter's effect depends on another: mean scores at the values of both."""

import math
from typing import TYPE_CHECKING, Any

from csft.report.analysis import Analysis, Interaction
from csft.report.figures.effects import unit
from csft.report.figures.naming import slug, titled
from csft.report.figures.style import INK, NONE_TO_ALL, compact, plain, rows_high, styled
from csft.report.saying import chance

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DRAWN = 6  # pairs, the surest first


def interactions(found: Analysis) -> "dict[str, tuple[Figure, str]]":
    """`interaction-A-B` of the pairs that show most, all in the same colours."""
    able = sorted(
        (one for one in found.interactions if one.cells), key=lambda one: 2.0 if one.p is None else one.p
    )[:DRAWN]
    means = [mean for one in able for mean, _ in one.cells.values() if math.isfinite(mean)]
    among = (min(means, default=0.0), max(means, default=1.0))
    return {
        f"interaction-{slug(one.parameters[0])}-{slug(one.parameters[1])}": (
            _cells(one, among),
            _says(one),
        )
        for one in able
    }


def _cells(pair: Interaction, among: tuple[float, float]) -> "Figure":
    from plotly.graph_objects import Figure, Heatmap

    across, down = (_values([key[place] for key in pair.cells]) for place in (0, 1))
    found = [[pair.cells.get((x, y)) for x in across] for y in down]
    figure = Figure(
        Heatmap(
            x=[plain(compact(one)) for one in across],
            y=[plain(compact(one)) for one in down],
            z=[[cell[0] if cell else None for cell in row] for row in found],
            text=[[f"{cell[0]:.1f}<br>n = {cell[1]}" if cell else "" for cell in row] for row in found],
            texttemplate="%{text}",
            textfont_color=INK,
            hovertemplate="%{x}, %{y}<br>mean %{z:.2f}<extra></extra>",
            colorscale=NONE_TO_ALL,
            zmin=among[0],
            zmax=among[1],
            showscale=False,
            hoverongaps=False,
            xgap=2,
            ygap=2,
        )
    )
    names = [plain(unit(one)) for one in pair.parameters]
    certain = "" if pair.p is None else f" ({chance(pair.p)})"
    styled(figure, f"{titled(names[0])} × {names[1]}{certain}", max(300, rows_high(2 * len(down))), half=True)
    figure.update_xaxes(title_text=names[0], type="category", showgrid=False)
    figure.update_yaxes(title_text=names[1], type="category", showgrid=False)
    return figure


def _says(pair: Interaction) -> str:
    names = " and ".join(unit(one) for one in pair.parameters)
    best, (mean, count) = max(pair.cells.items(), key=lambda cell: cell[1][0])
    at = ", ".join(compact(one) for one in best)
    sure = f" The test of an interaction gives {chance(pair.p)}." if pair.p is not None else ""
    return (
        f"Mean score on select by {names}, n trials in each cell. The highest mean, {mean:.1f} of {count}, "
        f"is at {at}; other parameters differ between cells.{sure}{' ' + pair.note if pair.note else ''}"
    )


def _values(seen: list[Any]) -> list[Any]:
    values = list(dict.fromkeys(seen))
    return sorted(values) if all(isinstance(one, int | float) for one in values) else values
