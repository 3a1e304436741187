"""The length distribution of every dataset with the cut-offs marked, as one HTML page that needs no network.

CMB · zh · MCQA    269,359 records, median 96
    ▁▃▆█▆▃▁|        |        |          one panel a dataset, tokens on a common log axis;
          31 %     2 %      0 %         at each cut-off the share of records that are longer
"""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from csft.data.catalog import DATASETS
from csft.data.lengths import Lengths, write_lengths
from csft.files import write_text

if TYPE_CHECKING:
    from plotly.graph_objects import Figure, Scatter

Array = NDArray[Any]

FONT = "system-ui, 'Segoe UI', Roboto, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
INK, FILL, MUTED = "#1a1a1a", "#7d93ab", "#5a5a5a"
BINS = 6  # an octave
PANEL, GAP, TOP, BOTTOM, WORDS = 62, 34, 40, 46, 14  # pixels; WORDS is a line of text
LINE = 0.3  # height of a line of words, where a panel's tallest bin is 1
LABEL = 0.85  # octaves that the share beside a cut-off takes up on a phone

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Record lengths</title>
<style>
body {{ margin: 0 auto; max-width: 1100px; padding: 12px; color: {ink}; font-family: {font}; }}
h1 {{ font-size: 20px; margin: 4px 0; }}
p {{ font-size: 14px; line-height: 1.4; margin: 4px 0; color: {muted}; }}
</style>
</head>
<body>
<h1>Tokens per record, before any cut-off</h1>
<p>Dotted lines are cut-offs, with the share of records that are longer. On the right: records, and their
median. Chat template included. Panels differ in scale; the longest 0.1% are not drawn. Numbers:
<a href="{table}">{table}</a></p>
{figure}
</body>
</html>
"""


def write_figure(lengths: Lengths, cutoffs: Sequence[int], path: Path) -> None:
    """Write the page to `path` and the table it draws beside it, as `.csv`."""
    table = path.with_suffix(".csv")
    write_lengths(lengths, cutoffs, table)
    drawn = figure(lengths, cutoffs).to_html(
        full_html=False, include_plotlyjs=True, config={"responsive": True, "displayModeBar": False}
    )
    text = PAGE.format(ink=INK, muted=MUTED, font=FONT, table=html.escape(table.name), figure=drawn)
    write_text(path, text)


def figure(lengths: Lengths, cutoffs: Sequence[int]) -> "Figure":
    """One panel per dataset, shortest median first."""
    from plotly.subplots import make_subplots

    names = sorted(
        lengths, key=lambda name: float(np.median(lengths[name])) if len(lengths[name]) else np.inf
    )
    marks = _placed(sorted(set(cutoffs)))
    top = TOP + WORDS * max(marks.values(), default=0)
    edges = _edges([lengths[name] for name in names], list(marks))
    made = make_subplots(len(names), 1, shared_xaxes=True, vertical_spacing=_spacing(len(names)))
    for row, name in enumerate(names, 1):
        made.add_trace(_outline(lengths[name], edges), row=row, col=1)
    made.update_layout(
        shapes=[_line(cutoff, row) for row in range(1, len(names) + 1) for cutoff in marks],
        annotations=[
            *_cutoffs(marks),
            *(
                words
                for row, name in enumerate(names, 1)
                for words in _words(name, lengths[name], marks, row)
            ),
        ],
        height=top + BOTTOM + len(names) * (PANEL + GAP) - GAP,
        margin={"l": 8, "r": 8, "t": top, "b": BOTTOM},
        showlegend=False,
        plot_bgcolor="white",
        paper_bgcolor="white",
        font={"family": FONT, "size": 12, "color": INK},
    )
    made.update_yaxes(range=[0, _headroom(marks)], visible=False, fixedrange=True)
    made.update_xaxes(
        type="log",
        range=np.log10(edges[[0, -1]]).tolist(),
        tickvals=_ticks(edges),
        tickangle=0,
        showgrid=False,
        linecolor=MUTED,
        ticks="outside",
        ticklen=3,
        fixedrange=True,
    )
    made.update_xaxes(title={"text": "tokens per record", "standoff": 6}, row=len(names), col=1)
    return made


def _placed(cutoffs: Sequence[int]) -> dict[int, int]:
    """Each cut-off with the level of its label: 0 at the top, lower where one before it is too near."""
    levels: dict[int, int] = {}
    ends: list[float] = []  # where each level is free again, in octaves
    for cutoff in cutoffs:
        at = float(np.log2(cutoff))
        level = next((level for level, end in enumerate(ends) if end <= at), len(ends))
        ends[level : level + 1] = [at + LABEL]
        levels[cutoff] = level
    return levels


def _headroom(marks: Mapping[int, int]) -> float:
    """The top of a panel whose tallest bin is 1."""
    return 1.05 + LINE * (max(marks.values(), default=0) + 1)


def _edges(found: Sequence[Array], cutoffs: Sequence[int]) -> Array:
    """Bin edges that hold all cut-offs and all but the longest lengths, at whole parts of an octave."""
    ends = [value for sizes in found if len(sizes) for value in (sizes.min(), np.percentile(sizes, 99.9))]
    bounds = np.log2([*ends, *cutoffs, 16]) * BINS
    return np.asarray(2 ** (np.arange(np.floor(bounds.min()), np.ceil(bounds.max()) + 3) / BINS))


def _ticks(edges: Array) -> list[int]:
    """Powers of two; every other one where a phone has no room for all."""
    powers = [power for power in range(24) if edges[0] <= 2**power <= edges[-1]]
    return [2**power for power in (powers if len(powers) < 10 else powers[::2])]


def _spacing(panels: int) -> float:
    return GAP / (panels * (PANEL + GAP) - GAP) if panels > 1 else 0.0


def _outline(sizes: Array, edges: Array) -> "Scatter":
    """A histogram as one filled line, its tallest bin 1."""
    from plotly.graph_objects import Scatter

    counts = np.histogram(sizes, edges)[0]
    heights = counts / max(int(counts.max()), 1)
    return Scatter(
        x=edges,
        y=[*heights, 0],
        line={"shape": "hv", "width": 1, "color": INK},
        fill="tozeroy",
        fillcolor=FILL,
        mode="lines",
        hoverinfo="skip",
    )


def _line(cutoff: int, row: int) -> dict[str, Any]:
    return {
        "type": "line",
        "xref": _axis("x", row),
        "yref": _axis("y", row) + " domain",
        "x0": cutoff,
        "x1": cutoff,
        "y0": 0,
        "y1": 1,
        "line": {"color": INK, "width": 1, "dash": "dot"},
    }


def _axis(letter: str, row: int) -> str:
    return f"{letter}{row if row > 1 else ''}"


def _words(name: str, sizes: Array, marks: Mapping[int, int], row: int) -> list[dict[str, Any]]:
    """A panel's heading, and the shares beside its lines."""
    about = DATASETS.get(name)
    title = f"<b>{html.escape(about.name if about else name)}</b>"
    kind = f" · {about.language} {about.style}" if about else ""
    size = f"{len(sizes):,} · median {np.median(sizes):.0f}" if len(sizes) else "no records"
    above = {**_at(row), "xref": _axis("x", row) + " domain", "y": 1, "yanchor": "bottom"}
    heading = {**above, "x": 0, "xanchor": "left", "text": title + kind}
    count = {**above, "x": 1, "xanchor": "right", "text": size, "font": {"color": MUTED, "size": 11}}
    shares = [
        {**_beside(cutoff, level, marks, row), "text": _percent(float((sizes > cutoff).mean()))}
        for cutoff, level in marks.items()
        if len(sizes)
    ]
    return [heading, count, *shares]


def _cutoffs(marks: Mapping[int, int]) -> list[dict[str, Any]]:
    """The cut-offs themselves, above the first panel."""
    return [
        {
            **_at(1),
            "x": float(np.log10(cutoff)),
            "xanchor": "center",
            "y": 1,
            "yanchor": "bottom",
            "yshift": 20 + WORDS * level,
            "text": f"<b>{cutoff}</b>",
        }
        for cutoff, level in marks.items()
    ]


def _beside(cutoff: int, level: int, marks: Mapping[int, int], row: int) -> dict[str, Any]:
    return {
        **_at(row),
        "x": float(np.log10(cutoff)),  # plotly places words, unlike lines, by the axis's own scale
        "xanchor": "left",
        "y": 1 - level * LINE / _headroom(marks),
        "yanchor": "top",
        "font": {"size": 11},
    }


def _at(row: int) -> dict[str, Any]:
    return {"showarrow": False, "xref": _axis("x", row), "yref": _axis("y", row) + " domain"}


def _percent(share: float) -> str:
    """`0%` is none at all and `100%` all."""
    if 0 < share < 0.01:
        return "&lt;1%"
    return f"{share:.0%}" if share <= 0.99 or share == 1 else "&gt;99%"
