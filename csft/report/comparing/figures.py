"""Scores and differences of a comparison with their intervals, each figure with what it says in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from csft.exam.noise import Figure as Share
from csft.report.analysis.pairing import base_right_of, right_of, share
from csft.report.comparing.pairs import Pair
from csft.report.comparing.same import Compared
from csft.report.figures.naming import asked, short, sub_exam
from csft.report.figures.style import INK, LINES, MUTED, by_rows, plain, rows_high, styled
from csft.report.page import Chart
from csft.report.study_data import SELECT, TEST

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def scores(compared: Compared) -> list[Chart]:
    """Each trial's score with its interval, and its untrained base, one figure per split."""
    charts = []
    for split in (TEST, SELECT, "val"):
        marks = compared.marks.get(split)
        if marks is None:
            continue
        found = [(one, right) for one in compared.trials if (right := right_of(marks, one)) is not None]
        named = [(compared.labels[one.number], share(right)) for one, right in found]
        bases = {
            base.tobytes(): (compared.labels[one.number], share(base))
            for one, _ in reversed(found)
            if (base := base_right_of(marks, one)) is not None
        }
        several = len(bases) > 1
        named += [(f"untrained{f' ({label})' * several}", one) for label, one in reversed(bases.values())]
        said = [
            f"{label} {one.percent:.1f} percent ({one.low:.1f} to {one.high:.1f})" for label, one in named
        ]
        says = f"Percent right on {split} with 95 % intervals: {'; '.join(said)}."
        charts.append(Chart(f"scores-{split}", _forest(named, f"Percent right on {split}"), says))
    return charts


def _forest(named: Sequence[tuple[str, Share]], title: str) -> "Figure":
    from plotly.graph_objects import Figure

    dots = [(label, one.percent, one.low, one.high) for label, one in named]
    figure = Figure(_dots(dots, LINES[0]))
    figure.update_xaxes(title_text="percent right, 95 % interval")
    by_rows(figure, [label for label, _ in named])
    return styled(figure, title, rows_high(len(named)))


def sub_exams(compared: Compared, pair: Pair) -> Chart:
    """One trial less the first in every sub-exam."""
    from plotly.graph_objects import Figure

    first, other = compared.labels[0], compared.labels[pair.other]
    rows = asked(list(pair.parts))
    parts = [pair.parts[one.key] for one in rows]
    names = [sub_exam(one) for one in rows]
    dots = [(name, one.difference, one.low, one.high) for name, one in zip(names, parts, strict=True)]
    figure = Figure(_dots(dots, [LINES[1] if one.clear else LINES[0] for one in parts]))
    figure.add_vline(x=0, line={"color": MUTED, "width": 1})
    figure.update_xaxes(title_text=f"points on {pair.split}, 95 % interval")
    phone = by_rows(figure, names, [short(one) for one in rows])
    clear = [name for name, one in zip(names, parts, strict=True) if one.clear]
    says = (
        f"{other} less {first} on {pair.split}, sub-exam by sub-exam. Allowing for {len(rows)} tests they "
        f"differ in {', '.join(clear) or 'none'}."
    )
    styled(figure, f"{plain(other)} less {plain(first)}, by sub-exam", rows_high(len(rows)), phone=phone)
    return Chart(f"sub-exams-{pair.split}-{pair.other}", figure, says)


def _dots(dots: Sequence[tuple[str, float, float, float]], colour: Any) -> Any:
    from plotly.graph_objects import Scatter

    return Scatter(
        x=[value for _, value, _, _ in dots],
        y=list(range(len(dots))),
        error_x={
            "type": "data",
            "array": [high - value for _, value, _, high in dots],
            "arrayminus": [value - low for _, value, low, _ in dots],
            "color": INK,
            "thickness": 1.2,
            "width": 3,
        },
        mode="markers",
        marker={"color": colour, "size": 9},
        text=[f"{plain(name)}: {value:.1f} ({low:.1f} to {high:.1f})" for name, value, low, high in dots],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
