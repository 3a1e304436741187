"""The makespan of a study by every way that was measured, as a figure: PNG and SVG."""

import statistics
from pathlib import Path

from plotly import graph_objects as go
from plotly.subplots import make_subplots
from study_plan import SIDES, Model, key
from study_tables import Runs, training_s

from csft.report import stills
from csft.report.page import Chart, Page, Section

COLOURS = {"training": "#2a6f97", "all else": "#c9d6df"}
NAME = "study"


def write(runs: Runs, studies: list[tuple[Model, str]], folder: Path) -> list[Path]:
    """Write `study.png` and `study.svg`; without a browser none, which is said."""
    panels = [
        (model, tune) for model, tune in studies if any(key(model, tune, side) in runs for side in SIDES)
    ]
    figure = _drawn(runs, panels)
    chart = Chart(NAME, figure, "seconds from the study's command to its end, and what of them is training")
    page = Page(NAME, "", (Section(NAME, NAME, (chart,)),))
    return stills.write(page, folder)


def _drawn(runs: Runs, panels: list[tuple[Model, str]]) -> go.Figure:
    titles = [f"{model}, {tune}" for model, tune in panels]
    figure = make_subplots(
        rows=len(panels), cols=1, subplot_titles=titles, vertical_spacing=0.3 / len(panels)
    )
    for row, (model, tune) in enumerate(panels, 1):
        there = [side for side in reversed(SIDES) if key(model, tune, side) in runs]
        some = [runs[key(model, tune, side)] for side in there]
        walls = [statistics.median(one.wall_s for one in each) for each in some]
        trained = [
            min(wall, statistics.median(training_s(one) for one in each))
            for wall, each in zip(walls, some, strict=True)
        ]
        rest = [wall - part for wall, part in zip(walls, trained, strict=True)]
        names, first = [side.name for side in there], walls[-1]
        told = [f"{wall:,.0f} s, × {first / wall:.1f}" for wall in walls]
        for what, part, text in (("training", trained, None), ("all else", rest, told)):
            bar = go.Bar(
                x=part,
                y=names,
                orientation="h",
                name=what,
                text=text,
                textposition="outside",
                cliponaxis=False,
                marker_color=COLOURS[what],
                showlegend=row == 1,
            )
            figure.add_trace(bar, row=row, col=1)
        figure.update_xaxes(
            title_text="seconds", rangemode="tozero", range=[0, 1.25 * max(walls)], row=row, col=1
        )
    figure.update_layout(
        barmode="stack",
        template="plotly_white",
        height=90 + 240 * len(panels),
        width=1000,
        margin={"l": 190, "r": 20, "t": 60, "b": 50},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        title={"text": "A study of trials: time until all are done", "x": 0.01},
    )
    return figure
