"""Tables as Markdown, LaTeX and CSV files."""

import csv
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from csft.files import write_text
from csft.report.table import Cell, Column, Table

MOST_COLUMNS = 24  # of Markdown and LaTeX; a table that is wider is for programs alone
LONG = 40  # rows; a longer one breaks over pages
NEEDS = (
    "% Needs \\usepackage{booktabs,longtable} and, for Chinese, XeLaTeX or LuaLaTeX with \\usepackage{ctex}."
)
# What Markdown would read as its own inside a cell. An underscore within a word is none of it.
_SPECIAL = re.compile(r"[\\`*\[\]<>|~$&]|(?<!\w)_|_(?!\w)")

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "[": "{[}",  # after the end of a row it would open a length
        "*": "{*}",  # likewise
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    }
)


def write(tables: Mapping[str, Table], folder: Path) -> list[Path]:
    """Write `<name>.csv`, `<name>.md` and `<name>.tex` of every table, each whole or not at all.

    A table of more than `MOST_COLUMNS` columns is written as CSV alone.
    """
    written = []
    for name, table in tables.items():
        forms: dict[str, Callable[[Table], str]] = {"csv": as_csv}
        if len(table.columns) <= MOST_COLUMNS:
            forms |= {"md": markdown, "tex": latex}
        for ending, form in forms.items():
            path = folder / f"{name}.{ending}"
            write_text(path, form(table))
            written.append(path)
    return written


def shown(cell: Cell, column: Column) -> str:
    """A cell as it is read: numbers with the column's digits, `yes` and `no`, nothing for None."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str) or column.digits is None:
        return str(cell) if not isinstance(cell, float) else f"{cell:.6g}"
    if not math.isfinite(cell):
        return str(cell)
    smallest = 10.0**-column.digits
    if column.name.split()[-1:] == ["p"] and 0 <= cell < smallest:  # no p is 0
        return f"<{smallest:.{column.digits}f}"
    return f"{cell:.{column.digits}f}"


def markdown(table: Table) -> str:
    """A heading, the table with pipes (GitHub's Markdown), its notes. The winner's row is bold."""
    from tabulate import tabulate

    rows = [
        [_bold(plain(text)) if at in table.marked else plain(text) for text in row]
        for at, row in enumerate(_texts(table))
    ]
    heads = [plain(column.name) for column in table.columns]
    drawn = tabulate(rows, heads, "pipe", disable_numparse=True, colalign=_sides(table)) if rows else ""
    return "\n\n".join([f"## {plain(table.title)}", *filter(None, [drawn]), *map(plain, table.notes)]) + "\n"


def latex(table: Table) -> str:
    """A `table` with booktabs rules, or a `longtable`; caption, label and notes included."""
    head = _row([_escaped(column.name) for column in table.columns])
    rows = [
        _row([f"\\textbf{{{text}}}" if text and at in table.marked else text for text in map(_escaped, row)])
        for at, row in enumerate(_texts(table))
    ]
    sides = "".join("l" if side == "left" else "r" for side in _sides(table))
    form = _long if len(table.rows) > LONG else _short
    return "\n".join([NEEDS, *form(table, sides, head, rows)]) + "\n"


def as_csv(table: Table) -> str:
    """UTF-8, a line of headings, numbers with all their digits, nothing for None."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([column.name for column in table.columns])
    writer.writerows(table.rows)
    return file.getvalue()


def _texts(table: Table) -> list[list[str]]:
    return [
        [" ".join(shown(cell, column).split()) for cell, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]


def _sides(table: Table) -> list[str]:
    """Words stand left, numbers right."""

    def is_number(at: int) -> bool:
        cells = [row[at] for row in table.rows if row[at] not in (None, "")]
        return bool(cells) and all(
            isinstance(one, (int, float)) and not isinstance(one, bool) for one in cells
        )

    return ["right" if is_number(at) else "left" for at in range(len(table.columns))]


def plain(text: str) -> str:
    """A text that Markdown shows as it is."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def _bold(text: str) -> str:
    return f"**{text}**" if text else ""


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + " \\\\"


def _short(table: Table, sides: str, head: str, rows: Sequence[str]) -> list[str]:
    return [
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{_escaped(table.title)}}}",
        f"\\label{{tab:{table.name}}}",
        f"\\begin{{tabular}}{{{sides}}}",
        "\\toprule",
        head,
        "\\midrule",
        *rows,
        "\\bottomrule",
        "\\end{tabular}",
        *_notes(table),
        "\\end{table}",
    ]


def _long(table: Table, sides: str, head: str, rows: Sequence[str]) -> list[str]:
    return [
        f"\\begin{{longtable}}{{{sides}}}",
        f"\\caption{{{_escaped(table.title)}}}\\label{{tab:{table.name}}} \\\\",
        *("\\toprule", head, "\\midrule", "\\endfirsthead"),
        *("\\toprule", head, "\\midrule", "\\endhead"),
        *("\\bottomrule", "\\endlastfoot"),
        *rows,
        "\\end{longtable}",
        *_notes(table),
    ]


def _notes(table: Table) -> list[str]:
    return [f"{{\\footnotesize {_escaped(' '.join(table.notes))}\\par}}"] if table.notes else []


def _escaped(text: str) -> str:
    return text.translate(_LATEX)
