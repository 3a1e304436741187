"""What each parameter does to the score, the others held equal: one figure each, all on one scale."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from csft.report.analysis import Analysis, Effect
from csft.report.analysis.axes import SHARE, WITH, WITHOUT, drawn_from, score, scored
from csft.report.figures.naming import slug, titled, told
from csft.report.figures.style import BAND, BLUE, FAINT, compact, lines, plain, scale, styled
from csft.report.saying import chance, several
from csft.report.study_data import StudyData, Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

LONG = 10  # letters of a value that stand below each other rather than beside each other
TICKS = 6
UNITS = {"cutoff": "cut-off, tokens", "epochs": "epochs", "lr": "learning rate", "mix": "dataset mix"}
PADDING = 0.06


def effects(data: StudyData, found: Analysis) -> "dict[str, tuple[Figure, str]]":
    """`effect-NAME` of each parameter whose effect can be told."""
    told_of = [one for one in found.effects if one.levels]
    among = _range(data.finished, told_of)
    return {f"effect-{slug(one.parameter)}": (_effect(data, one, among), says(one)) for one in told_of}


def says(effect: Effect) -> str:
    """The levels in words, with how sure it is that they differ."""
    named = [
        f"{compact(one.value)}: {one.mean:.1f} ({one.low:.1f} to {one.high:.1f})" for one in _few(effect)
    ]
    sure = f" Chance alone makes levels differ so with {chance(effect.p)}." if effect.p is not None else ""
    return (
        f"Expected score on select by {unit(effect.parameter)}, other parameters held equal "
        f"(95 % intervals): {'; '.join(named)}.{sure}"
    )


def unit(parameter: str) -> str:
    """A parameter as the title of an axis; a dataset's weight under the dataset's name."""
    if parameter.startswith("mix.datasets."):
        return f"weight of {parameter.removeprefix('mix.datasets.')}"
    return UNITS.get(parameter, parameter)


def _effect(data: StudyData, effect: Effect, among: tuple[float, float]) -> "Figure":
    from plotly.graph_objects import Figure

    having = [one for one in scored(data) if _has(one, effect.parameter) is not None]
    values = [_at(effect, _has(one, effect.parameter)) for one in having]
    down = not effect.numeric and (
        len(effect.levels) > TICKS or any(len(str(one.value)) > LONG for one in effect.levels)
    )
    along, across = ("y", "x") if down else ("x", "y")
    figure = Figure([_trials(having, values, along, across), *_levels(effect, along, across)])
    named = {"title_text": plain(unit(effect.parameter))}
    heights = {"title_text": "score on select, percent", "range": list(among)}
    # Words stand in the order of the levels, not in that of the trials.
    order = {} if effect.numeric else {"categoryarray": [_at(effect, one.value) for one in effect.levels]}
    kind = "log" if effect.log else "linear" if effect.numeric else "category"
    own = {**named, **scale(kind, {*values, *(_at(effect, one.value) for one in effect.levels)}), **order}
    figure.update_xaxes(**(heights if down else own))
    figure.update_yaxes(**(own if down else heights))
    certain = "" if effect.p is None else f" ({chance(effect.p)})"
    styled(figure, f"{titled(plain(unit(effect.parameter)))}{certain}", 360, half=True)
    return figure.update_layout(showlegend=False)


def _trials(having: Sequence[Trial], values: Sequence[Any], along: str, across: str) -> Any:
    from plotly.graph_objects import Scatter

    return Scatter(
        {along: values, across: [score(one) for one in having]},
        mode="markers",
        marker={"color": FAINT, "size": 6},
        text=[f"{told(one)}<br>{score(one):.2f}" for one in having],
        hovertemplate="%{text}<extra></extra>",
    )


def _levels(effect: Effect, along: str, across: str) -> list[Any]:
    """Points with intervals for values that trials had, a line in a band for points along an interval."""
    from plotly.graph_objects import Scatter

    at = [_at(effect, one.value) for one in effect.levels]
    means = [one.mean for one in effect.levels]
    label = f"%{{{along}}}<br>expected %{{{across}:.1f}}"
    if any(one.trials == 0 for one in effect.levels):
        edges = [one.low for one in effect.levels] + [one.high for one in effect.levels][::-1]
        return [
            Scatter(x=at + at[::-1], y=edges, fill="toself", fillcolor=BAND, line_width=0, hoverinfo="skip",
                    mode="lines"),
            Scatter(x=at, y=means, mode="lines", line={"color": BLUE, "width": 2.5},
                    hovertemplate=label + "<extra></extra>"),
        ]  # fmt: skip
    lows, highs = ([getattr(one, end) for one in effect.levels] for end in ("low", "high"))
    spread = lines(means, lows, highs, thickness=2, width=5)
    return [
        Scatter(
            {along: at, across: means, f"error_{across}": spread},
            mode="markers+lines" if effect.numeric else "markers",
            line={"color": BLUE, "width": 1, "dash": "dot"},
            marker={"color": BLUE, "size": 11, "line": {"color": BLUE, "width": 1}},
            text=[
                f"{one.low:.1f} to {one.high:.1f}, {several(one.trials, 'trial')}" for one in effect.levels
            ],
            hovertemplate=label + "<br>95 %: %{text}<extra></extra>",
        )
    ]


def _range(trials: Sequence[Trial], effects: Sequence[Effect]) -> tuple[float, float]:
    """From the lowest to the highest that any effect shows, so that their sizes compare."""
    seen = [value for one in trials if (value := score(one)) is not None]
    seen += [end for effect in effects for level in effect.levels for end in (level.low, level.high)]
    low, high = min(seen, default=0.0), max(seen, default=1.0)
    room = PADDING * (high - low or 1.0)
    return max(0.0, low - room), min(100.0, high + room)  # intervals of a model know no bounds


def _at(effect: Effect, value: Any) -> Any:
    return value if effect.numeric else plain(value)


def _has(trial: Trial, parameter: str) -> Any:
    """A trial's value of a parameter, None where it has none; of a dataset whether it trained on it."""
    if parameter.startswith(SHARE) and parameter not in trial.params:
        return WITH if parameter.removeprefix(SHARE) in drawn_from(trial) else WITHOUT
    return trial.params.get(parameter)


def _few(effect: Effect) -> list[Any]:
    """All levels that trials had; of points along an interval both ends and the best."""
    levels = list(effect.levels)
    if len(levels) <= TICKS:
        return levels
    best = max(levels, key=lambda one: one.mean)
    return list(dict.fromkeys([levels[0], best, levels[-1]]))
