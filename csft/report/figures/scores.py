"""The best trials beside each other, on the split that chose them and on the one that did not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from csft.exam import Figure as Share
from csft.report.analysis import Analysis
from csft.report.analysis.pairing import scored
from csft.report.figures.naming import base_of, label, ranked, told
from csft.report.figures.style import BLUE, ORANGE, by_rows, lines, rows_high, styled
from csft.report.saying import several
from csft.report.study_data import SELECT, TEST, StudyData

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DRAWN = 15
LOOKS = {SELECT: (BLUE, "circle", -0.14), TEST: (ORANGE, "diamond-open", 0.14)}
Row = tuple[str, str, dict[str, Share]]  # name, hover text, share by split


def best_trials(data: StudyData, found: Analysis) -> "tuple[Figure, str] | None":
    """Each of the best trials with its interval on select and test, the untrained model below them."""
    best = ranked(data)
    if not best or not any(scored(data, one, split) for one in best for split in LOOKS):
        return None
    from plotly.graph_objects import Figure

    rows = _rows(data, found)
    figure = Figure([_dots(rows, split) for split in LOOKS if any(split in by for *_, by in rows)])
    figure.update_xaxes(title_text="percent right; 95 % intervals")
    by_rows(figure, [name for name, *_ in rows])
    shown = min(DRAWN, len(best))
    title = (
        "All finished trials" if shown == len(best) else f"The best {shown} of {len(best)} finished trials"
    )
    styled(figure, title, rows_high(len(rows), 130))
    told_of = [f"{name}: {_told(by)}" for name, _, by in rows[:3]]
    return figure, f"{title}, best first on select. {'; '.join(told_of)}" + (
        f"; and {several(len(rows) - 3, 'trial')} more." if len(rows) > 3 else "."
    )


def _rows(data: StudyData, found: Analysis) -> list[Row]:
    best = ranked(data)
    shown = best[:DRAWN]
    paper = found.winner.paper_trial if found.winner else None
    shown += [one for one in best[DRAWN:] if one.number == paper]
    rows: list[Row] = []
    for one in shown:
        shares = {split: share for split in LOOKS if (share := scored(data, one, split))}
        rows.append((label(one, paper), told(one), shares))
    base = {split: scores for split in LOOKS if (scores := base_of(best[0], split))}
    if base:
        shares = {split: scores.figures["total"] for split, scores in base.items()}
        rows.append(("untrained base", "the untrained model", shares))
    return rows


def _dots(rows: Sequence[Row], split: str) -> Any:
    from plotly.graph_objects import Scatter

    colour, symbol, shift = LOOKS[split]
    having = [(place, text, by[split]) for place, (_, text, by) in enumerate(rows) if split in by]
    return Scatter(
        x=[share.percent for *_, share in having],
        y=[place + shift for place, *_ in having],
        error_x=lines(
            [share.percent for *_, share in having],
            [share.low for *_, share in having],
            [share.high for *_, share in having],
        ),
        mode="markers",
        name=split,
        marker={"color": colour, "symbol": symbol, "size": 8},
        text=[f"{text}<br>{split} {_share(share)}" for _, text, share in having],
        hovertemplate="%{text}<extra></extra>",
    )


def _told(shares: dict[str, Share]) -> str:
    return ", ".join(f"{split} {_share(share)}" for split, share in shares.items())


def _share(share: Share) -> str:
    return f"{share.percent:.1f} % ({share.low:.1f} to {share.high:.1f}, {share.n:,} questions)"
