"""The study in the order it happened."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from csft.report.figures.naming import axis, better, objective, told
from csft.report.figures.style import ORANGE, OTHER_STATE, STATES, styled
from csft.report.saying import several
from csft.report.study_data import StudyData, Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def history(data: StudyData) -> "tuple[Figure, str] | None":
    """Every trial that has a score, a pruned one's latest included, and the best so far."""
    scored = [one for one in data.trials if one.score is not None]
    if not scored:
        return None
    from plotly.graph_objects import Figure

    by_state: dict[str, list[Trial]] = {}
    for one in scored:
        by_state.setdefault(one.state, []).append(one)
    steps = _best_so_far(data)
    figure = Figure([_points(state, having) for state, having in by_state.items()])
    if steps:
        figure.add_trace(_line(steps, scored[-1].number))
    figure.update_xaxes(title_text="trial", rangemode="tozero")
    figure.update_yaxes(title_text=axis(data))
    states = ", ".join(f"{len(having)} {state}" for state, having in by_state.items())
    says = f"{several(len(scored), 'trial')} with a score, in order: {states}."
    if steps:
        number, value = steps[-1]
        says += (
            f" The best {objective(data)}, {value:.2f}, is that of trial {number}; "
            f"after the first, the best rose {several(len(steps) - 1, 'time')}."
            if better(data)
            else f" The lowest {objective(data)}, {value:.3g}, is that of trial {number}."
        )
    return styled(figure, "Trial by trial"), says


def _best_so_far(data: StudyData) -> list[tuple[int, float]]:
    """Where the best changed: number and value."""
    sign = 1 if better(data) else -1
    steps: list[tuple[int, float]] = []
    for one in data.trials:
        if one.eligible and one.values and (not steps or sign * one.values[0] > sign * steps[-1][1]):
            steps.append((one.number, one.values[0]))
    return steps


def _points(state: str, having: Sequence[Trial]) -> Any:
    from plotly.graph_objects import Scatter

    symbol, colour = STATES.get(state, OTHER_STATE)
    return Scatter(
        x=[one.number for one in having],
        y=[one.score for one in having],
        mode="markers",
        name=state,
        marker={"symbol": symbol, "color": colour, "size": 8},
        text=[told(one) for one in having],
        hovertemplate="%{text}<br>%{y:.2f}<extra></extra>",
    )


def _line(steps: Sequence[tuple[int, float]], last: int) -> Any:
    from plotly.graph_objects import Scatter

    ends = [*steps, (last, steps[-1][1])]
    return Scatter(
        x=[number for number, _ in ends],
        y=[value for _, value in ends],
        mode="lines",
        line={"shape": "hv", "color": ORANGE, "width": 2},
        name="best so far",
        hoverinfo="skip",
    )
