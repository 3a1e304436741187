"""The figures that the Optuna dashboard shows of a study, as plotly draws them.

figure          horizontal                          vertical
scores          a parameter, one panel each         first objective
truncation      cut-off                             share of tokens it removes; coloured by score
history         trial                               first objective, and the best so far
sub-exams       percent, untrained and tuned        28 sub-exams; a menu chooses the trial
curves          epochs                              loss, and scores of exams during training
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from csft.cmb import SUB_EXAMS
from csft.errors import CsftError
from csft.study import outcomes
from csft.study.attributes import FOLDERS, OVERRIDES
from csft.study.outcomes import SELECT, latest_score, number, state
from csft.track import RunFolder

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial
    from plotly.graph_objects import Figure

FONT = "system-ui, 'Segoe UI', Roboto, 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif"
INK, GRID, BASE, TUNED, BEST = "#1a1a1a", "#e3e3e3", "#b9c3cf", "#2f6690", "#d1495b"
COLOURS = ("#2f6690", "#d1495b", "#6a994e", "#e09f3e", "#7b5ea7", "#3d9a9b", "#8c5a3c", "#555555")
SYMBOLS = {"finished": "circle", "infeasible": "x", "pruned": "triangle-down-open"}
LEGEND = "● finished   ✖ over a limit   ▽ pruned   ◇ running, so far"
DRAWN = 20  # trials of a menu or of curves: more are hard to tell apart, and the dashboard reads all of them
POINTS = 100  # of one curve
WHOLE = 6  # so many whole numbers are the ticks of an axis themselves
NARROW = 50  # a logarithmic axis up to so many times its start has ticks at 2 and 5 too
COLUMNS = 3  # panels beside each other


def figures(study: "Study") -> dict[str, "Figure"]:
    """The figures that a study has something to show in, by the name they are kept under."""
    trials = [one for one in outcomes.shown_trials(study) if latest_score(one) is not None]
    name = outcomes.objectives(study)[0]
    drawn = {
        "scores": scores(trials, name),
        "truncation": truncation(trials, name),
        "history": history(study, trials, name),
        "sub-exams": sub_exams(_best_first(study, trials)),
        "curves": curves(_best_first(study, trials)),
    }
    return {key: figure for key, figure in drawn.items() if figure is not None}


def scores(trials: Sequence["FrozenTrial"], name: str) -> "Figure | None":
    """One panel per parameter; numbers on numeric axes, logarithmic where they are searched so."""
    from plotly.subplots import make_subplots

    searched: dict[str, BaseDistribution] = {}
    for trial in trials:
        searched |= trial.distributions
    if not searched:
        return None
    columns = min(COLUMNS, len(searched))
    rows = math.ceil(len(searched) / columns)
    figure = make_subplots(rows, columns, shared_yaxes=True, vertical_spacing=0.35 / rows)
    for place, (key, distribution) in enumerate(searched.items()):
        at = {"row": place // columns + 1, "col": place % columns + 1}
        having = [one for one in trials if key in one.params]
        figure.add_trace(_points(having, [one.params[key] for one in having], name), **at)
        tried = {one.params[key] for one in having}
        figure.update_xaxes(title_text=key.lstrip("+"), **_scale(distribution, tried), **at)
    for row in range(rows):
        figure.update_yaxes(title_text=name, row=row + 1, col=1)
    return _styled(figure, f"{name} against each parameter")


def truncation(trials: Sequence["FrozenTrial"], name: str) -> "Figure | None":
    """What the cut-off takes from the data, and what that did to the score."""
    found = [(one, cutoff(one), _removed(one)) for one in trials]
    having = [(one, tokens, share) for one, tokens, share in found if tokens and share is not None]
    if not having:
        return None
    from plotly.graph_objects import Figure

    points = _points([one for one, *_ in having], [tokens for _, tokens, _ in having], name)
    points.y = [share for *_, share in having]
    points.marker.color = [latest_score(one) for one, *_ in having]
    points.marker.update(colorscale="Viridis", colorbar={"title": name}, showscale=True)
    figure = Figure(points)
    figure.update_xaxes(title_text="cut-off, tokens", **_log_axis({tokens for _, tokens, _ in having}))
    figure.update_yaxes(title_text="tokens removed, %", rangemode="tozero")
    return _styled(figure, "What the cut-off removes")


def history(study: "Study", trials: Sequence["FrozenTrial"], name: str) -> "Figure | None":
    """Every trial in order, with the best so far among those that may win."""
    if not trials:
        return None
    from plotly.graph_objects import Figure, Scatter

    better = max if study.directions[0].name == "MAXIMIZE" else min
    steps: list[tuple[int, float]] = []
    for one in trials:
        if state(one) == "finished":
            value = one.values[0]
            steps.append((one.number, better(value, steps[-1][1]) if steps else value))
    figure = Figure(_points(trials, [one.number for one in trials], name))
    if steps:
        x, y = zip(*steps, strict=True)
        line = {"shape": "hv", "color": BEST}
        figure.add_trace(Scatter(x=x, y=y, mode="lines", line=line, name="best so far", hoverinfo="skip"))
    figure.update_xaxes(title_text="trial")
    figure.update_yaxes(title_text=name)
    return _styled(figure, f"{name}, trial by trial")


def sub_exams(trials: Sequence["FrozenTrial"]) -> "Figure | None":
    """Untrained and tuned in every sub-exam, of the trial that is chosen in the menu."""
    from plotly.graph_objects import Bar, Figure

    figure, buttons = Figure(), []
    found = [(one, outcomes.sub_exams(outcomes.result(one))) for one in trials]
    examined = [(one, rows) for one, rows in found if any(SELECT in by_split for by_split in rows.values())]
    for place, (trial, rows) in enumerate(examined):
        names, base, tuned = _bars(rows)
        shown = place == 0
        figure.add_trace(Bar(y=names, x=base, name="untrained", marker_color=BASE, visible=shown))
        figure.add_trace(Bar(y=names, x=tuned, name="tuned", marker_color=TUNED, visible=shown))
        visible = [index // 2 == place for index in range(2 * len(examined))]
        label = f"{trial.number}: {outcomes.setting(trial)}"
        buttons.append({"label": label, "method": "update", "args": [{"visible": visible}]})
    if not buttons:
        return None
    menu = {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom"}
    figure.update_traces(orientation="h")
    figure.update_layout(updatemenus=[menu], barmode="group", bargap=0.15)
    figure.update_yaxes(autorange="reversed", tickfont={"size": 9}, dtick=1)
    figure.update_xaxes(title_text=f"percent right on {SELECT}", rangemode="tozero")
    return _styled(figure, "The 28 sub-exams, best trial first", symbols=False)


def curves(trials: Sequence["FrozenTrial"]) -> "Figure | None":
    """Loss against epochs, one line a trial, and below it the exams during training, if any."""
    from plotly.graph_objects import Scatter
    from plotly.subplots import make_subplots

    lines = [(one, loss(one)) for one in trials]
    if not any(line for _, line in lines):
        return None
    rungs = {one.number: one.intermediate_values for one in trials}
    both = any(values and not outcomes.by_answer(values) for values in rungs.values())
    figure = make_subplots(2 if both else 1, 1, vertical_spacing=0.2)
    for place, (trial, line) in enumerate(lines):
        label, told = f"trial {trial.number}", outcomes.setting(trial)
        how = {
            "legendgroup": label,
            "name": label,
            "line": {"color": COLOURS[place % len(COLOURS)]},
            "hovertemplate": f"{label}<br>{told}<br>%{{y:.4g}}<extra></extra>",
        }
        drawn = thinned(line)
        x, y = [at for at, _ in drawn], [value for _, value in drawn]
        figure.add_trace(Scatter(x=x, y=y, mode="lines", **how), row=1, col=1)
        values = rungs[trial.number]
        if both and values and not outcomes.by_answer(values):
            at = sorted(values)
            trace = Scatter(x=at, y=[values[step] for step in at], mode="lines+markers", **how)
            figure.add_trace(trace.update(showlegend=False), row=2, col=1)
    figure.update_yaxes(title_text="loss", row=1, col=1)
    figure.update_xaxes(title_text="epochs", row=1, col=1)
    if both:
        figure.update_yaxes(title_text=f"score on {SELECT}", row=2, col=1)
        figure.update_xaxes(title_text="exam during training", dtick=1, row=2, col=1)
    return _styled(figure, "Learning curves", symbols=False)


def loss(trial: "FrozenTrial") -> list[tuple[float, float]]:
    """Epochs and training loss of a trial's first run, as logged."""
    for folder in trial.user_attrs.get(FOLDERS, ())[:1]:
        try:
            rows = RunFolder(folder).metrics()
        except (CsftError, OSError):
            return []
        return [
            (row["train/epoch"], row["train/loss"]) for row in rows if {"train/epoch", "train/loss"} <= {*row}
        ]
    return []


def thinned(line: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most about `POINTS` of a curve, its last one among them."""
    step = max(1, math.ceil(len(line) / POINTS))
    return [(float(number(at)), float(number(value))) for at, value in [*line[:-1:step], *line[-1:]]]


def cutoff(trial: "FrozenTrial") -> int | None:
    """The cut-off that a trial searched or was given, in tokens."""
    given = dict(word.split("=", 1) for word in trial.user_attrs.get(OVERRIDES, ()) if "=" in word)
    try:
        return int(float(str(trial.params.get("cutoff", given.get("cutoff")))))
    except ValueError:
        return None


def _best_first(study: "Study", trials: Sequence["FrozenTrial"]) -> list["FrozenTrial"]:
    sign = -1 if study.directions[0].name == "MAXIMIZE" else 1

    def rank(one: "FrozenTrial") -> tuple[bool, float]:
        return state(one) != "finished", sign * (latest_score(one) or 0.0)

    return sorted(trials, key=rank)[:DRAWN]


def _points(trials: Sequence["FrozenTrial"], x: Sequence[Any], name: str) -> Any:
    from plotly.graph_objects import Scatter

    told = [f"trial {one.number} ({state(one)})<br>{outcomes.setting(one)}" for one in trials]
    y = [latest_score(one) for one in trials]
    return Scatter(
        x=list(x),
        y=y,
        text=told,
        mode="markers",
        name=name,
        marker={
            "symbol": [SYMBOLS.get(state(one), "diamond-open") for one in trials],
            "color": TUNED,
            "size": 9,
        },
        hovertemplate="%{text}<br>" + name + " %{y:.2f}<extra></extra>",
        showlegend=False,
    )


def _scale(distribution: "BaseDistribution", tried: set[Any]) -> dict[str, Any]:
    if not hasattr(distribution, "low"):
        return {"type": "category"}
    if getattr(distribution, "log", False):
        return _log_axis(tried)
    few_whole = len(tried) <= WHOLE and all(value == int(value) for value in tried)
    return {"type": "linear", "tickvals": sorted(tried)} if few_whole else {"type": "linear"}


def _log_axis(tried: Collection[float]) -> dict[str, Any]:
    """Ticks at powers of two for whole numbers, such as cut-offs; else at 1, 2 and 5, or at powers of ten."""
    low, high = min(tried, default=1), max(tried, default=1)
    if all(value == int(value) for value in tried):
        powers = [2**power for power in range(32) if low <= 2**power <= high]
        return {"type": "log", "tickvals": powers if len(powers) > 1 else sorted({low, high})}
    return {"type": "log", "dtick": "D2" if high < NARROW * low else 1, "exponentformat": "power"}


def _removed(trial: "FrozenTrial") -> float | None:
    """Percent of the mix's tokens that the cut-off removed."""
    costs = outcomes.truncation(trial).values()
    sums = [sum(cost.get(key, 0) for cost in costs) for key in ("tokens_before", "tokens_after")]
    return 100 * (sums[0] - sums[1]) / sums[0] if sums[0] else None


def _bars(rows: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> tuple[list[str], list[Any], list[Any]]:
    asked = [(sub, rows[sub.key][SELECT]) for sub in SUB_EXAMS if SELECT in rows.get(sub.key, {})]
    # Some names are those of two sub-exams, so that each bears its exam type.
    names = [f"{sub.exam_type[:2]} {sub.exam_class}" for sub, _ in asked]
    return names, [_rounded(row["base"]) for _, row in asked], [_rounded(row["score"]) for _, row in asked]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _styled(figure: "Figure", title: str, symbols: bool = True) -> "Figure":
    figure.update_layout(
        template="none",  # plotly's own would be the larger part of what is kept
        title={
            "text": title + (f"<br><sup>{LEGEND}</sup>" if symbols else ""),
            "font": {"size": 15},
            "x": 0.01,
            "xanchor": "left",
            "y": 0.97,
        },
        font={"family": FONT, "size": 11, "color": INK},
        margin={"l": 60, "r": 20, "t": 75, "b": 50},
    )
    figure.update_xaxes(gridcolor=GRID, zeroline=False, automargin=True)
    figure.update_yaxes(gridcolor=GRID, zeroline=False, automargin=True)
    return figure
