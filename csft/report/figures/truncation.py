"""What each cut-off took from each dataset, below the score that goes with it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from csft.report.analysis import Analysis, Effect
from csft.report.analysis.axes import score
from csft.report.figures.naming import told
from csft.report.figures.style import BLUE, FAINT, INK, NONE_TO_ALL, lines, plain, styled
from csft.report.study_data import StudyData, Trial
from csft.report.tables import truncation as losses

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DRAWN = 16  # cut-offs; of more, so many spread over them
PANELS = {"tokens removed, percent": "tokens", "conclusions lost, percent": "conclusion"}
Costs = Mapping[int, Mapping[str, Mapping[str, float]]]  # by cut-off and dataset: summed over trials


def truncation(data: StudyData, found: Analysis) -> "tuple[Figure, str] | None":
    """Scores at each cut-off; below them the shares of tokens and conclusions that each dataset lost."""
    trials = [one for one in data.finished if one.run and one.run.result.truncation]
    costs = summed(trials)
    if not costs:
        return None
    from plotly.subplots import make_subplots

    cutoffs = _spread(sorted(costs))
    datasets = sorted({name for by in costs.values() for name in by}, key=lambda name: -_most(costs, name))
    high = 20 * len(datasets) + 20
    figure = make_subplots(
        3, 1, shared_xaxes=True, row_heights=[220, high, high], vertical_spacing=50 / (260 + 2 * high),
        subplot_titles=["score on select, percent", *PANELS],
    )  # fmt: skip
    for trace in _scores(trials, cutoffs, next((e for e in found.effects if e.parameter == "cutoff"), None)):
        figure.add_trace(trace, 1, 1)
    for row, kind in enumerate(PANELS.values(), start=2):
        figure.add_trace(_shares(costs, cutoffs, datasets, kind, first=row == 2), row, 1)
        figure.update_yaxes(autorange="reversed", showgrid=False, dtick=1, row=row, col=1)
    words = [str(one) for one in cutoffs]
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=words, showgrid=False)
    figure.update_xaxes(title_text="cut-off, tokens", row=3, col=1)
    figure.update_yaxes(title_text="percent", row=1, col=1)
    styled(figure, "Cut-off against truncation", 340 + 2 * high)
    figure.update_layout(showlegend=False).update_annotations(font_size=13, xanchor="left", x=0)
    return figure, _says(costs, cutoffs)


def summed(trials: Sequence[Trial]) -> Costs:
    """What all trials with a cut-off lost together, by dataset."""
    having: dict[int, list[Trial]] = defaultdict(list)
    for one in trials:
        assert one.run
        having[one.run.cutoff].append(one)
    return {
        cutoff: {name: counts for name, counts in losses.summed(some).items() if name != losses.WHOLE}
        for cutoff, some in having.items()
    }


def share(cost: Mapping[str, float], kind: str) -> float | None:
    """Percent of a dataset's tokens, or of its records' conclusions, that were lost; None without records."""
    whole, left = cost.get("tokens_before", 0), cost.get("tokens_after", 0)
    lost = whole - left if kind == "tokens" else cost.get("conclusion", 0)
    of = whole if kind == "tokens" else cost.get("records", 0)
    return 100 * lost / of if of else None


def _shares(costs: Costs, cutoffs: Sequence[int], datasets: Sequence[str], kind: str, first: bool) -> Any:
    from plotly.graph_objects import Heatmap

    z = [[share(costs[cutoff].get(name, {}), kind) for cutoff in cutoffs] for name in datasets]
    return Heatmap(
        x=[str(one) for one in cutoffs],
        y=[plain(one) for one in datasets],
        z=z,
        text=[["" if value is None else f"{value:.0f}" for value in row] for row in z],
        texttemplate="%{text}",
        textfont_color=INK,
        hovertemplate=f"%{{y}}, cut-off %{{x}}<br>{kind}: %{{z:.1f}} % lost<extra></extra>",
        colorscale=NONE_TO_ALL,
        zmin=0,
        zmax=100,
        showscale=False,
        hoverongaps=False,
        xgap=2,
        ygap=1,
    )


def _scores(trials: Sequence[Trial], cutoffs: Sequence[int], effect: Effect | None) -> list[Any]:
    """Every trial, and where trials had this very cut-off the score to expect there."""
    from plotly.graph_objects import Scatter

    having = [one for one in trials if one.run and one.run.cutoff in cutoffs and score(one) is not None]
    points = Scatter(
        x=[str(one.run.cutoff) for one in having if one.run],
        y=[score(one) for one in having],
        mode="markers",
        marker={"color": FAINT, "size": 7},
        text=[told(one) for one in having],
        hovertemplate="%{text}<br>%{y:.2f}<extra></extra>",
    )
    levels = [one for one in (effect.levels if effect else ()) if one.value in cutoffs and one.trials]
    expected = Scatter(
        x=[f"{one.value:.0f}" for one in levels if not isinstance(one.value, str)],
        y=[one.mean for one in levels],
        error_y=lines(
            [one.mean for one in levels],
            [one.low for one in levels],
            [one.high for one in levels],
            thickness=2,
            width=5,
        ),
        mode="markers",
        marker={"color": BLUE, "size": 11},
        hovertemplate="cut-off %{x}<br>expected %{y:.1f}, other parameters held equal<extra></extra>",
    )
    return [points, expected] if levels else [points]


def _says(costs: Costs, cutoffs: Sequence[int]) -> str:
    told_of = []
    for cutoff in cutoffs[:: max(1, len(cutoffs) // 6)]:
        shares = {
            name: value for name, by in costs[cutoff].items() if (value := share(by, "tokens")) is not None
        }
        whole: dict[str, float] = defaultdict(float)
        for by in costs[cutoff].values():
            for key, value in by.items():
                whole[key] += value
        most = max(shares, key=lambda name: shares[name], default="")
        if shares:
            told_of.append(
                f"{cutoff} tokens removes {share(whole, 'tokens'):.0f} % of all tokens, most of {most} "
                f"({shares[most]:.0f} %)"
            )
    hidden = len(costs) - len(cutoffs)
    more = f" {hidden} more cut-offs were tried and are not drawn." if hidden else ""
    return f"A cut-off of {'; of '.join(told_of)}.{more}"


def _spread(values: Sequence[int]) -> list[int]:
    if len(values) <= DRAWN:
        return list(values)
    return [values[round(place * (len(values) - 1) / (DRAWN - 1))] for place in range(DRAWN)]


def _most(costs: Costs, name: str) -> float:
    return max((share(by[name], "tokens") or 0.0 for by in costs.values() if name in by), default=0.0)
