"""Tables as Markdown, LaTeX and CSV: nothing in a cell is read as markup, nothing is lost."""

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from csft.report.table import Column, Table
from csft.report.texts import LONG, MOST_COLUMNS, as_csv, latex, markdown, shown, write

ODD = r"a_b & 50 % $x$ #1 {y} ~z ^w \v <b> | *s* [t] `c` 执业医师"


def table(rows: int = 1, text: str = ODD) -> Table:
    columns = (Column("sub-exam"), Column("score, %", 2), Column("n"), Column("p", 4), Column("differs"))
    return Table(
        "odd",
        f"About {text}",
        columns,
        [[text, 12.345, 20, 1e-9, True]] * rows,
        (f"Note: {text}",),
        frozenset({0}),
    )


@pytest.mark.parametrize(
    ("cell", "column", "text"),
    [
        (None, Column("x", 2), ""),
        (1.005, Column("x", 1), "1.0"),
        (3, Column("x", 2), "3.00"),
        (11200, Column("n"), "11200"),
        (0.0021330000000001, Column("lr"), "0.002133"),
        (False, Column("differs"), "no"),
        (0.0, Column("p", 4), "<0.0001"),
        (0.0, Column("corrected p", 3), "<0.001"),
        (0.0, Column("step", 1), "0.0"),
        (float("nan"), Column("x", 2), "nan"),
        ("words", Column("x", 2), "words"),
    ],
)
def test_cells_as_they_are_read(cell: object, column: Column, text: str) -> None:
    assert shown(cell, column) == text  # type: ignore[arg-type]


def test_csv_keeps_every_digit_and_character() -> None:
    rows = list(csv.reader(io.StringIO(as_csv(table(text='a,"b"\nc 中')))))
    assert rows == [
        ["sub-exam", "score, %", "n", "p", "differs"],
        ['a,"b"\nc 中', "12.345", "20", "1e-09", "True"],
    ]


def test_markdown_shows_cells_as_they_are() -> None:
    head, drawn, note = markdown(table()).rstrip("\n").split("\n\n")
    _, sides, row = drawn.splitlines()
    assert [cell.strip()[-1] for cell in sides.strip("|").split("|")] == ["-", ":", ":", ":", "-"]
    cells = re.split(r"(?<!\\)\|", row)[1:-1]  # pipes that are not escaped part cells
    assert len(cells) == 5
    for text in (
        cells[0].strip().removeprefix("**").removesuffix("**"),
        head.removeprefix("## About "),
        note[6:],
    ):
        assert re.search(r"(?<!\\)[|<>*`$\[\]~&]", text) is None
        assert re.sub(r"\\([\\`*\[\]<>|~$&_])", r"\1", text) == ODD


def test_latex_escapes_and_is_balanced() -> None:
    made = latex(table())
    row = next(line for line in made.splitlines() if line.startswith("\\textbf"))
    assert row.startswith(r"\textbf{a\_b \& 50 \% \$x\$ \#1 \{y\} \textasciitilde{}z \textasciicircum{}w ")
    assert len(re.findall(r"(?<!\\)&", row)) == 4 and row.endswith(" \\\\")
    bare = re.sub(r"\\[{}\\]", "", made)
    assert bare.count("{") == bare.count("}")
    assert re.search(r"(?<!\\)[#$_^~]", re.sub(r"\\label\{[^}]*\}", "", made)) is None


@pytest.mark.skipif(shutil.which("xelatex") is None, reason="no xelatex here")
@pytest.mark.parametrize("rows", [0, 2, LONG + 1])
def test_latex_compiles(rows: int, tmp_path: Path) -> None:
    head = r"\documentclass{article}\usepackage{booktabs,longtable}\begin{document}"
    text = latex(table(max(rows, 1), ODD.replace("执业医师", "")))
    if not rows:
        text = latex(Table("none", "None", (Column("a"),), []))
    (tmp_path / "doc.tex").write_text(f"{head}\n{text}\nAfter.\n\\end{{document}}\n", encoding="utf-8")
    command = ["xelatex", "-interaction=nonstopmode", "-halt-on-error", "-no-pdf", "doc.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_long_tables_break_over_pages() -> None:
    assert "longtable" not in latex(table(LONG)).splitlines()[1]
    made = latex(table(LONG + 1))
    assert made.splitlines()[1] == "\\begin{longtable}{lrrrl}"
    assert made.count("12.35 ") + made.count("12.35}") == LONG + 1


def test_files_are_named_after_tables_and_wide_ones_are_csv_alone(tmp_path: Path) -> None:
    wide = Table("wide", "Wide", tuple(Column(f"trial {at}") for at in range(MOST_COLUMNS + 1)), [])
    written = write({"odd": table(), "wide": wide}, tmp_path / "tables")
    assert {path.name for path in written} == {"odd.csv", "odd.md", "odd.tex", "wide.csv"}
    assert {path.name for path in (tmp_path / "tables").iterdir()} == {path.name for path in written}
    assert "执业医师" in (tmp_path / "tables" / "odd.md").read_text(encoding="utf-8")
