"""Columns and cells that several tables share."""

from collections.abc import Sequence
from dataclasses import replace

from csft.exam import Figure
from csft.exam.comparison import Difference
from csft.report.table import Cell, Column, Table

PERCENT, P_DIGITS = 2, 4
DIFFERENCE = (Column("difference", PERCENT), Column("low", PERCENT), Column("high", PERCENT))
P = Column("p", P_DIGITS)


def interval(name: str) -> tuple[Column, Column, Column]:
    """Columns of a score in percent and its interval."""
    return Column(name, PERCENT), Column(f"{name} low", PERCENT), Column(f"{name} high", PERCENT)


def of_figure(figure: Figure | None) -> tuple[Cell, Cell, Cell]:
    """Cells of `interval`."""
    return (figure.percent, figure.low, figure.high) if figure else (None, None, None)


def of_difference(one: Difference) -> tuple[Cell, Cell, Cell]:
    """Cells of `DIFFERENCE`, in points."""
    return one.difference, one.low, one.high


def without_empty(table: Table) -> Table:
    """A table less the columns that no row has anything in."""
    kept = [at for at in range(len(table.columns)) if any(row[at] not in (None, "") for row in table.rows)]
    rows: Sequence[Sequence[Cell]] = [[row[at] for at in kept] for row in table.rows]
    return replace(table, columns=tuple(table.columns[at] for at in kept), rows=rows)
