"""How every figure of a report looks: one font, quiet axes, few colours, told apart by the colour-blind too.

Colours are those of the light theme. `DARK` has each one's place in the dark theme: a page swaps them, so
that a figure needs no colours but these.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FONT = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'PingFang SC', 'Hiragino Sans GB', 'Microsoft YaHei', "
    "'Noto Sans CJK SC', 'Noto Sans SC', sans-serif"
)
PAPER, INK, MUTED, GRID, FAINT = "#ffffff", "#1f2933", "#5b6673", "#e3e7eb", "#b4bec9"
BLUE, ORANGE, GREEN, GOLD, PURPLE, GREY = "#0b62a4", "#c4501b", "#1a7f5a", "#9a7000", "#87499c", "#55606e"
BAND = "rgba(11,98,164,0.16)"
LOW, MIDDLE, HIGH = "#b8481a", "#f5f5f2", "#0a5a98"  # of what is worse, alike and better
NONE, ALL = "#eff3f7", "#74acd9"  # of what is none and all; ink can be read on both
DARK = {
    PAPER: "#181c21", INK: "#e7eaee", MUTED: "#a7b1bd", GRID: "#323a44", FAINT: "#566270",
    BLUE: "#6cb6f0", ORANGE: "#ff9a68", GREEN: "#52cb9f", GOLD: "#e6ba45", PURPLE: "#cb9fe2", GREY: "#97a3b1",
    BAND: "rgba(108,182,240,0.22)", LOW: "#ff9460", MIDDLE: "#252b32", HIGH: "#64b2ef",
    NONE: "#222932", ALL: "#2c6c9f",
}  # fmt: skip
LINES = (BLUE, ORANGE, GREEN, GOLD, PURPLE, GREY)
BETTER_WORSE = [[0.0, LOW], [0.5, MIDDLE], [1.0, HIGH]]
NONE_TO_ALL = [[0.0, NONE], [1.0, ALL]]
STATES = {  # symbol and colour: the symbol alone tells them apart
    "finished": ("circle", BLUE),
    "infeasible": ("x", ORANGE),
    "pruned": ("triangle-down-open", GREY),
    "running": ("diamond-open", GREEN),
}
OTHER_STATE = ("square-open", GREY)
NARROW = 50  # a logarithmic axis up to so many times its start has ticks at 2 and 5 too
SMALL = 1e-3  # numbers below are told with an exponent
WHOLE = 6  # so many whole numbers are the ticks of an axis themselves
TALL, ROW = 110, 22  # pixels of a figure of rows: around them, and of each


def styled(
    figure: "Figure",
    title: str,
    height: int = 420,
    half: bool = False,
    phone: Mapping[str, Any] | None = None,
) -> "Figure":
    """Give a figure its look. `half`: two of them may stand beside each other on a wide page.

    `phone` are attributes that a narrow screen changes, as plotly's relayout takes them.
    """
    figure.update_layout(
        template="none",  # plotly's own would be the larger part of what is kept
        title={"text": title, "font": {"size": 15}, "x": 0.01, "xanchor": "left"},
        font={"family": FONT, "size": 12, "color": INK},
        paper_bgcolor=PAPER,
        plot_bgcolor=PAPER,
        height=height,
        margin={"l": 56, "r": 16, "t": 56, "b": 48},
        hoverlabel={"align": "left", "bgcolor": PAPER, "bordercolor": MUTED, "font": {"color": INK}},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
        hovermode="closest",
        dragmode=False,  # a finger on a phone scrolls the page
        meta={"half": half, "phone": dict(phone or {})},
    )
    quiet = {"gridcolor": GRID, "zeroline": False, "automargin": True, "linecolor": GRID}
    figure.update_xaxes(**quiet, title_font={"color": MUTED, "size": 12}, tickfont_color=MUTED)
    figure.update_yaxes(
        **quiet, title_font={"color": MUTED, "size": 12}, tickfont_color=MUTED, title_standoff=8
    )
    return figure


def rows_high(count: int, around: int = TALL) -> int:
    """Pixels of a figure that has a row for each of `count` things."""
    return around + ROW * max(count, 3)


def scale(kind: str, values: Collection[Any]) -> dict[str, Any]:
    """The axis of a parameter that was searched so (log | linear | category) at these values."""
    if kind == "category" or not all(isinstance(one, int | float) for one in values):
        return {"type": "category"}
    whole = all(one == int(one) for one in values)
    if kind == "log" and min(values, default=1) > 0:
        return logarithmic(values)
    return {"type": "linear", "tickvals": sorted(values)} if whole and len(values) <= WHOLE else {}


def logarithmic(values: Collection[float]) -> dict[str, Any]:
    """Ticks at powers of two for whole numbers, such as cut-offs; else at 1, 2 and 5, or at powers of ten."""
    low, high = min(values, default=1), max(values, default=1)
    if all(one == int(one) for one in values):
        ticks: list[float] = [2**power for power in range(40) if low <= 2**power <= high]
    else:
        steps = (1, 2, 5) if high < NARROW * low else (1,)
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [float(f"{step}e{decade}") for decade in decades for step in steps]
        ticks = [tick for tick in ticks if low * 0.98 <= tick <= high * 1.02]
    shown = ticks if len(ticks) > 1 else sorted({low, high})
    return {"type": "log", "tickvals": shown, "ticktext": [compact(tick) for tick in shown]}


def compact(value: object) -> str:
    """A number in few letters: `2e-5`, `512`; what is no fraction as it is."""
    if not isinstance(value, float):
        return str(value)
    text = f"{value:.4g}" if abs(value) >= SMALL or not value else f"{value:.3e}"
    return re.sub(r"(\.\d*?)?0*e([+-])0*", _exponent, text) if "e" in text else text


def _exponent(found: re.Match[str]) -> str:
    digits = (found[1] or "").removesuffix(".")
    return f"{digits}e{found[2].replace('+', '')}"


def lines(
    values: Sequence[float], lows: Sequence[float], highs: Sequence[float], **look: Any
) -> dict[str, Any]:
    """Lines from `lows` to `highs` through points at `values`, as plotly draws errors."""
    return {
        "type": "data",
        "array": [round(high - value, 4) for value, high in zip(values, highs, strict=True)],
        "arrayminus": [round(value - low, 4) for value, low in zip(values, lows, strict=True)],
        "thickness": 1.5,
        "width": 3,
        **look,
    }


def by_rows(figure: "Figure", labels: Sequence[str], short: Sequence[str] | None = None) -> dict[str, Any]:
    """Name the rows 0, 1, … of a figure from the top; gives what a phone changes to the short names."""
    figure.update_yaxes(
        tickmode="array", tickvals=list(range(len(labels))), ticktext=[plain(one) for one in labels],
        range=[len(labels) - 0.4, -0.6], showgrid=False,
    )  # fmt: skip
    return {"yaxis.ticktext": [plain(one) for one in short]} if short else {}


def plain(text: object) -> str:
    """What plotly shows as it stands: its text would read tags, links among them, from a trial's setting."""
    return escape(str(text), quote=False)
