"""A page's blocks as its HTML template takes them: tables with their cells shown, charts as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import unescape
from typing import Any

from csft.report.page import Block, Chart, Code, Folded, Points, Text
from csft.report.table import Column, Table
from csft.report.texts import shown

LONG, HUGE = 20, 300  # rows: a longer table can be searched; a browser lays a huge one out when it is near
WIDE, WIDEST = 10, 24  # columns: a wider table is printed on landscape pages, in the end with broken words
MOST_COLUMNS = 60  # nobody reads more; the table's CSV file has all
WORDY = 24  # letters: a cell of more wants a wide column
FINE = 2  # digits after the point that tell rows apart when they are sorted by what is shown
NONE = "–"


@dataclass(frozen=True)
class Cell:
    """A cell as it is read, and its value where sorting by the text would lose digits."""

    text: str
    kind: str = ""  # number | wordy
    value: str | None = None


@dataclass(frozen=True)
class Drawing:
    """A chart: its title is the page's to set, so that it wraps; `height` in pixels, until it is drawn."""

    name: str
    title: str
    says: str
    height: int
    half: bool
    spec: str  # JSON that is safe within a script element


def grouped(blocks: Sequence[Block]) -> Iterator[tuple[str, Any]]:
    """Blocks by kind for the template; charts that may stand beside each other come as one grid."""
    row: list[Drawing] = []
    for block in blocks:
        if isinstance(block, Chart) and (drawing := _drawing(block)).half:
            row.append(drawing)
            continue
        if row:
            yield "grid", row
            row = []
        yield _kind(block)
    if row:
        yield "grid", row


def _kind(block: Block) -> tuple[str, Any]:
    if isinstance(block, Chart):
        return "chart", _drawing(block)
    if isinstance(block, Table):
        return "table", _table(block)
    if isinstance(block, Folded):
        return "folded", _table(block.table)
    kinds = {Text: "text", Points: "points", Code: "code"}
    return kinds[type(block)], block


def _drawing(chart: Chart) -> Drawing:
    import plotly.io

    spec = chart.figure.to_plotly_json()
    layout = dict(spec["layout"])
    title = dict(layout.pop("title", {})).get("text") or chart.name
    layout["margin"] = {**layout.get("margin", {}), "t": 16 if "annotations" not in layout else 40}
    spec = {"data": spec["data"], "layout": layout}
    meta = layout.get("meta") or {}
    return Drawing(
        name=chart.name,
        title=_words(title),
        says=chart.says,
        height=int(layout.get("height") or 420),
        half=bool(isinstance(meta, Mapping) and meta.get("half")),
        spec=safe_json(plotly.io.json.to_json_plotly(spec)),
    )


def _table(table: Table) -> dict[str, Any]:
    count = len(table.columns)
    if count > MOST_COLUMNS:
        note = f"The first {MOST_COLUMNS} of {count} columns; {table.name}.csv has all."
        rows = [row[:MOST_COLUMNS] for row in table.rows]
        columns = table.columns[:MOST_COLUMNS]
        table = replace(table, columns=columns, rows=rows, notes=(note, *table.notes))
    numeric = [_numeric([row[at] for row in table.rows]) for at in range(len(table.columns))]
    return {
        "table": table,
        "numeric": numeric,
        "rows": [
            [_cell(*one) for one in zip(row, table.columns, numeric, strict=True)] for row in table.rows
        ],
        "kinds": _kinds(len(table.rows), len(table.columns)),
    }


def _kinds(rows: int, columns: int) -> str:
    looks = {"long": rows > LONG, "huge": rows > HUGE, "wide": columns > WIDE, "widest": columns > WIDEST}
    return " ".join(look for look, has in looks.items() if has)


def _cell(cell: Any, column: Column, number: bool) -> Cell:
    text = shown(cell, column)
    kind = "number" if number else "wordy" if len(text) > WORDY else ""
    if not text:
        return Cell(NONE, kind, "")
    coarse = number and isinstance(cell, float) and (column.digits is None or column.digits < FINE)
    inexact = coarse and float(f"{cell:.6g}") != _float(text)
    return Cell(text, kind, f"{cell:.6g}" if inexact else None)


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _numeric(cells: Sequence[Any]) -> bool:
    having = [one for one in cells if one not in (None, "")]
    return bool(having) and all(isinstance(one, int | float) and not isinstance(one, bool) for one in having)


def _words(title: str) -> str:
    """A title without the entities and line breaks that plotly needs: the template escapes it anew."""
    return unescape(title.replace("<br>", " "))


def safe_json(text: str) -> str:
    """JSON that cannot end the script element it stands in, nor begin a comment there."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
