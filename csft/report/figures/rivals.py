"""The winner against every other model, question by question."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from csft.report.analysis import Analysis, Rival, Winner
from csft.report.figures.forest import Row, counted, forest
from csft.report.figures.naming import difference, label
from csft.report.study_data import SELECT, TEST, StudyData

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DRAWN = 16


def rivals(data: StudyData, found: Analysis) -> "dict[str, tuple[Figure, str]]":
    """`rivals-select` and `rivals-test`: base and paper's setting first, then the nearest trials."""
    if not found.winner:
        return {}
    drawn = {}
    for split in (SELECT, TEST):
        special = [by[split] for by in (found.winner.base, found.winner.paper) if split in by]
        known = {one.trial for one in special if one.trial is not None}
        others = [one for one in found.winner.rivals if one.split == split and one.trial not in known]
        if special or others:
            drawn[f"rivals-{split}"] = _rivals(data, found.winner, split, special, others)
    return drawn


def _rivals(
    data: StudyData, won: Winner, split: str, special: Sequence[Rival], others: Sequence[Rival]
) -> "tuple[Figure, str]":
    nearest = sorted(others, key=lambda one: one.difference.difference)[:DRAWN]
    shown = [*special, *nearest]
    winner = won.trial
    rows = [Row(_name(data, won, one), one.difference, one.p, one.standing) for one in shown]
    title = f"Trial {winner} less the others, on {split}"
    figure = forest(rows, title, "points; 95 % intervals", half=True)
    every = [Row(one.name, one.difference, one.p, one.standing) for one in (*special, *others)]
    told = ", ".join(f"{count} {standing}" for standing, count in counted(every).items())
    first = "; ".join(f"against {one.name} {difference(one.difference)}, {one.standing}" for one in shown[:3])
    hidden = len(others) - len(nearest)
    return figure, (
        f"Trial {winner} on {split}: {first}. Of all {len(every)} comparisons, p corrected for their number "
        f"(Holm): {told}." + (f" {hidden} that are farther behind are not drawn." if hidden else "")
    )


def _name(data: StudyData, won: Winner, one: Rival) -> str:
    return "untrained base" if one.trial is None else label(data.trial(one.trial), won.paper_trial)
