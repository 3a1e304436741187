"""A table of the report before it is HTML, Markdown, LaTeX or CSV."""

from collections.abc import Sequence
from dataclasses import dataclass

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Column:
    """`digits` after the point for numbers; None shows them as they are. Words stand left, numbers right."""

    name: str
    digits: int | None = None


@dataclass(frozen=True)
class Table:
    """`name` is its file's; `rows` hold plain values, None for what is not there."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    notes: tuple[str, ...] = ()  # what a reader has to know, one sentence each
    marked: frozenset[int] = frozenset()  # rows that stand out: the winner's
