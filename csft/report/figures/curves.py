"""What happened while trials trained: loss, and exams on select."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from csft.report.figures.naming import plain_setting, ranked
from csft.report.figures.style import FAINT, LINES, lines, styled
from csft.report.study_data import SELECT, StudyData, Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

BEHIND, SPARSE = 60, 30  # other trials that are drawn behind the best, and points of each
POINTS = 40  # of a curve: each the mean of the updates up to it
TOTAL, LOW, HIGH = (f"cmb/{SELECT}/{name}" for name in ("total", "low", "high"))
Line = list[tuple[float, float, float, float]]  # epoch, value, low, high


def loss(data: StudyData) -> "tuple[Figure, str] | None":
    """Training loss against epochs, smoothed lightly."""
    curves = _lines(data, _losses)
    if not curves:
        return None
    figure = _drawn(curves, "loss %{y:.3f}", markers=False)
    figure.update_xaxes(title_text="epochs", rangemode="tozero")
    figure.update_yaxes(title_text="training loss, nats a token")
    ends = [f"trial {trial.number} ends at {line[-1][1]:.3f}" for trial, line in curves[: len(LINES)]]
    says = f"Training loss, mean of neighbouring updates, best trials first: {'; '.join(ends)}."
    return styled(figure, "Training loss of the best trials"), says + _behind(curves)


def exams(data: StudyData) -> "tuple[Figure, str] | None":
    """Scores on select during training and at the end, pruned trials up to where they were given up."""
    curves = [(trial, line) for trial, line in _lines(data, _scores) if line]
    if not any(len(line) > 1 for _, line in curves):
        return None
    figure = _drawn(curves, "%{y:.1f} %", markers=True)
    figure.update_xaxes(title_text="epochs", rangemode="tozero")
    figure.update_yaxes(title_text="score on select, percent")
    moved = [
        f"trial {trial.number} from {line[0][1]:.1f} % at epoch {line[0][0]:.3g} to {line[-1][1]:.1f} % at "
        f"{line[-1][0]:.3g}"
        for trial, line in curves[: len(LINES)]
        if len(line) > 1
    ]
    says = f"Exams on select during training and at its end: {'; '.join(moved)}."
    return styled(figure, "Exams of the best trials while they trained"), says + _behind(curves)


def _lines(data: StudyData, read: Callable[[Trial], Line]) -> list[tuple[Trial, Line]]:
    best = ranked(data)
    numbers = {one.number for one in best}
    others = [one for one in data.trials if one.number not in numbers]
    found = ((one, read(one)) for one in [*best, *others])
    return [(one, line) for one, line in found if line][: len(LINES) + BEHIND]


def _losses(trial: Trial) -> Line:
    rows = [
        (float(row["train/epoch"]), float(row["train/loss"]))
        for row in trial.curves
        if _finite(row.get("train/epoch")) and _finite(row.get("train/loss"))
    ]
    size = max(1, math.ceil(len(rows) / POINTS))
    groups = [rows[at : at + size] for at in range(0, len(rows), size)]
    means = [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]
    return [(at, value, value, value) for at, value in means]


def _scores(trial: Trial) -> Line:
    """Exams as the run logged them; their epoch is that of the update they follow."""
    epochs = {
        row["step"]: row["train/epoch"] for row in trial.curves if {"step", "train/epoch"} <= row.keys()
    }
    line = [
        (float(epochs[row["step"]]), row[TOTAL], row.get(LOW, row[TOTAL]), row.get(HIGH, row[TOTAL]))
        for row in trial.curves
        if _finite(row.get(TOTAL)) and row.get("step") in epochs
    ]
    final = trial.scores(SELECT)
    end = trial.epochs or (max(epochs.values()) if epochs else None)
    if final and end and not any(math.isclose(at, end, rel_tol=0.02) for at, *_ in line):
        share = final.figures["total"]
        line.append((float(end), share.percent, share.low, share.high))
    return sorted(line)


def _drawn(curves: Sequence[tuple[Trial, Line]], value: str, markers: bool) -> "Figure":
    """The best in colours, the others behind them in one faint trace."""
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    if others := curves[len(LINES) :]:
        x, y = _joined([line for _, line in others])
        faint = {"color": FAINT, "width": 1}
        figure.add_trace(Scatter(x=x, y=y, mode="lines", line=faint, name="others", hoverinfo="skip"))
    for place, (trial, line) in reversed(list(enumerate(curves[: len(LINES)]))):
        label = f"trial {trial.number}" + ("" if trial.finished else f" ({trial.state})")
        colour = LINES[place]
        figure.add_trace(
            Scatter(
                x=[round(at, 4) for at, *_ in line],
                y=[round(mean, 4) for _, mean, *_ in line],
                error_y=_spread(line) if markers and place == 0 else None,
                mode="lines+markers" if markers else "lines",
                line={"color": colour, "width": 3 if place == 0 else 1.5},
                marker={"size": 6, "symbol": place},
                name=label,
                legendrank=place,
                text=[f"{label}<br>{plain_setting(trial)}"] * len(line),
                hovertemplate=f"%{{text}}<br>epoch %{{x:.3g}}: {value}<extra></extra>",
            )
        )
    return figure


def _spread(line: Line) -> dict[str, Any]:
    _, means, lows, highs = zip(*line, strict=True)
    return lines(means, lows, highs, width=4)


def _joined(curves: Sequence[Line]) -> tuple[list[float | None], list[float | None]]:
    """Several lines as one with gaps."""
    x: list[float | None] = []
    y: list[float | None] = []
    for line in curves:
        step = max(1, math.ceil(len(line) / SPARSE))
        thin = [*line[:-1:step], line[-1]]
        x += [*(round(at, 3) for at, *_ in thin), None]
        y += [*(round(mean, 3) for _, mean, *_ in thin), None]
    return x, y


def _behind(curves: Sequence[tuple[Trial, Line]]) -> str:
    others = len(curves) - len(LINES)
    return f" {others} others are drawn faintly behind them." if others > 0 else ""


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
