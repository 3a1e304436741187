"""Token lengths per dataset, uncut, with cut-offs beside them: as a table, and as rows for a file."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from csft.data.columns import layout, number
from csft.files import whole_file

PERCENTILES = (5, 25, 50, 75, 90, 95, 99)

Lengths = Mapping[str, NDArray[np.int64]]
Row = dict[str, str | int | float | None]


def length_rows(lengths: Lengths, cutoffs: Sequence[int] = ()) -> list[Row]:
    """Per dataset: tokens per record, and the share of records longer than each cut-off, 0 to 1.

    Without records all but the counts is None.
    """
    rows: list[Row] = []
    for name, sizes in lengths.items():
        found = np.percentile(sizes, PERCENTILES) if len(sizes) else [None] * len(PERCENTILES)
        rows.append(
            {
                "dataset": name,
                "records": len(sizes),
                "tokens": int(sizes.sum()),
                "mean": float(sizes.mean()) if len(sizes) else None,
                **{f"p{p}": value for p, value in zip(PERCENTILES, found, strict=True)},
                "max": int(sizes.max()) if len(sizes) else None,
                **{f"> {c}": float((sizes > c).mean()) if len(sizes) else None for c in cutoffs},
            }
        )
    return rows


def length_table(lengths: Lengths, cutoffs: Sequence[int] = ()) -> str:
    """The rows for a terminal."""
    rows = length_rows(lengths, cutoffs)
    head = list(rows[0]) if rows else ["dataset"]
    return layout([head, *([_shown(name, row[name]) for name in head] for row in rows)])


def _shown(column: str, value: str | int | float | None) -> str:
    if not isinstance(value, float):
        return value if isinstance(value, str) else number(value)
    if column.startswith(">"):
        return f"{value:.1%}"
    return f"{value:.1f}" if column == "mean" else f"{value:.0f}"


def write_lengths(lengths: Lengths, cutoffs: Sequence[int], path: Path) -> None:
    """Write the rows as CSV (UTF-8), shares with six digits; nothing where there is no value."""
    rows = length_rows(lengths, cutoffs)
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(rows[0] if rows else ["dataset"])
        writer.writerows([f"{v:.6g}" if isinstance(v, float) else v for v in row.values()] for row in rows)
