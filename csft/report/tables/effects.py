"""What each hyperparameter does to the score."""

from csft.report.analysis import Analysis, Effect, Interaction, Level
from csft.report.table import Cell, Column, Table
from csft.report.tables.columns import PERCENT, P

EXPECTED = (
    "The score to expect at a value, the other parameters held equal, in percent with a 95 % interval; "
    "p says how often chance alone would make the values differ as much."
)


def effects(found: Analysis) -> Table:
    """One row per value of each parameter, or per point along an interval."""
    columns = (
        Column("parameter"),
        Column("value"),
        Column("trials"),
        Column("score", PERCENT),
        Column("low", PERCENT),
        Column("high", PERCENT),
        Column("worst to best, points", PERCENT),
        P,
        Column("note"),
    )
    rows = [row for one in found.effects for row in _of(one)]
    return Table("effects", "What each hyperparameter does to the score", columns, rows, (EXPECTED,))


def _of(effect: Effect) -> list[list[Cell]]:
    tail: list[Cell] = [effect.span, effect.p, effect.note]
    if not effect.levels:
        return [[effect.parameter, None, None, None, None, None, *tail]]
    return [[effect.parameter, *_level(one), *tail] for one in effect.levels]


def _level(one: Level) -> list[Cell]:
    return [one.value, one.trials or None, one.mean, one.low, one.high]


def importance(found: Analysis) -> Table:
    """The share of the score's variation that each parameter explains."""
    columns = (Column("parameter"), Column("share", 3), Column("low", 3), Column("high", 3))
    rows: list[list[Cell]] = [[one.parameter, one.share, one.low, one.high] for one in found.importances]
    note = "fANOVA; shares from 0 to 1, low and high over forests grown from other seeds."
    return Table(
        "importance", "How much of the variation each hyperparameter explains", columns, rows, (note,)
    )


def interactions(found: Analysis) -> Table:
    """Whether the effect of one parameter depends on another."""
    columns = (Column("parameter"), Column("depends on"), P, Column("note"))
    rows = [_pair(one) for one in found.interactions]
    note = "p that the effect of the one parameter is the same whatever the other is."
    return Table("interactions", "Which effects depend on one another", columns, rows, (note,))


def _pair(one: Interaction) -> list[Cell]:
    return [*one.parameters, one.p, one.note]
