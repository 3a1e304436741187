"""Lines of a comparison over each other: training, effects, progress."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from csft.report.analysis import Effect
from csft.report.comparing.same import Compared
from csft.report.figures.naming import slug
from csft.report.figures.style import LINES, plain, scale, styled
from csft.report.page import Chart
from csft.report.study_data import SELECT

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

POINTS = 60  # of one curve
Line = Sequence[tuple[float, float]]


def curves(compared: Compared) -> list[Chart]:
    """Loss and exams during training over each other."""
    drawn = {
        "loss": (
            "Loss in training, mean of neighbouring updates",
            "loss per token",
            [_curve(one.curves, "train/loss") for one in compared.trials],
        ),
        "exams": (
            f"Exams on {SELECT} in training",
            "percent right",
            [_rungs(one.run) for one in compared.trials],
        ),
    }
    charts = []
    for name, (title, y, lines) in drawn.items():
        named = [(label, line) for label, line in zip(compared.labels, lines, strict=True) if line]
        if named:
            said = [
                f"{label} ends at {line[-1][1]:.3g} after {line[-1][0]:.3g} epochs" for label, line in named
            ]
            figure = lines_of(named, title, "epochs", y, markers=name == "exams")
            charts.append(Chart(name, figure, f"{title}: {'; '.join(said)}."))
    return charts


def lines_of(
    named: Sequence[tuple[str, Line]],
    title: str,
    x: str,
    y: str,
    *,
    markers: bool = False,
    steps: bool = False,
) -> "Figure":
    """Lines over each other, each under its label."""
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    for place, (label, line) in enumerate(named):
        figure.add_trace(
            Scatter(
                x=[at for at, _ in line],
                y=[value for _, value in line],
                name=plain(label),
                mode="lines+markers" if markers else "lines",
                line={"color": LINES[place % len(LINES)], "shape": "hv" if steps else "linear", "width": 2},
                hovertemplate="%{x:.4g}, %{y:.4g}<extra>" + plain(label) + "</extra>",
            )
        )
    figure.update_xaxes(title_text=x)
    figure.update_yaxes(title_text=y)
    return styled(figure, title, half=True)


def effects(parameter: str, named: Sequence[tuple[str, Effect]]) -> Chart:
    """The score to expect at each value of a parameter, study beside study."""
    from plotly.graph_objects import Figure, Scatter

    figure, said = Figure(), []
    for place, (label, effect) in enumerate(named):
        levels = effect.levels
        figure.add_trace(
            Scatter(
                x=[one.value for one in levels],
                y=[one.mean for one in levels],
                error_y={
                    "type": "data",
                    "array": [one.high - one.mean for one in levels],
                    "arrayminus": [one.mean - one.low for one in levels],
                    "thickness": 1.2,
                },
                name=plain(label),
                mode="lines+markers" if effect.numeric else "markers",
                line={"color": LINES[place % len(LINES)]},
                hovertemplate="%{x}: %{y:.2f}<extra>" + plain(label) + "</extra>",
            )
        )
        told = (f"{one.value} {one.mean:.1f} ({one.low:.1f} to {one.high:.1f})" for one in levels)
        said.append(f"in {label} {', '.join(told)}")
    values = [one.value for _, effect in named for one in effect.levels]
    log = all(effect.log for _, effect in named)
    numeric = all(effect.numeric for _, effect in named)
    figure.update_xaxes(
        title_text=plain(parameter), **scale("log" if log else "linear" if numeric else "category", values)
    )
    figure.update_yaxes(title_text="expected score, percent")
    says = f"Expected score by {parameter}, the others held equal, 95 % intervals: {'; '.join(said)}."
    return Chart(
        f"effect-{slug(parameter)}", styled(figure, f"What {plain(parameter)} does", half=True), says
    )


def _curve(rows: Sequence[Mapping[str, Any]], name: str) -> Line:
    """Means of neighbouring updates, so that no more than `POINTS` are left."""
    points = [(row["train/epoch"], row[name]) for row in rows if name in row and "train/epoch" in row]
    step = -(-len(points) // POINTS) or 1
    groups = [points[at : at + step] for at in range(0, len(points), step)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _rungs(run: Any) -> Line:
    taken = [(one.epoch, one.scores.total) for one in run.result.rungs]
    last = _curve(run.result.curves, "train/loss")[-1:]
    scores = run.result.scores.get(SELECT)
    end = [(last[0][0], scores.total)] if scores and last else []
    return [*taken, *end] if taken else []
