"""Plain tables for a terminal."""

from collections.abc import Sequence


def layout(rows: Sequence[Sequence[str]]) -> str:
    """Align columns: the first to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(c.rjust(w) if at else c.ljust(w) for at, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def number(value: int | None) -> str:
    """Thousands apart; nothing for None."""
    return "" if value is None else f"{value:,}"
