"""Tables a person reads: Table 1 with the counts found here beside the paper's, and token lengths."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from csft.data.catalog import DATASETS

PERCENTILES = (5, 25, 50, 75, 90, 95, 99)


def table1(found: Mapping[str, int | None], set_aside: Mapping[str, int]) -> str:
    """Table 1 of arXiv 2407.19705 with our instruction counts; None stands for a dataset that is not here."""
    rows = [["dataset", "language", "style", "paper", "here", "difference", "set aside"]]
    for name, entry in DATASETS.items():
        here = found.get(name)
        known = here is not None and entry.instructions is not None
        rows.append(
            [
                name,
                entry.language,
                entry.style,
                _number(entry.instructions),
                "not here" if here is None else _number(here),
                f"{here - entry.instructions:+,}" if known else "",  # type: ignore[operator]
                _number(set_aside.get(name)),
            ]
        )
    return layout(rows)


def length_table(lengths: Mapping[str, NDArray[np.int64]], cutoffs: Sequence[int] = ()) -> str:
    """Tokens per record by dataset: percentiles, and the share of records longer than each cut-off."""
    head = ["dataset", "records", "tokens", "mean", *(f"p{p}" for p in PERCENTILES), "max"]
    rows = [[*head, *(f"> {cutoff}" for cutoff in cutoffs)]]
    for name, sizes in lengths.items():
        if not len(sizes):
            rows.append([name, "0"] + [""] * (len(rows[0]) - 2))
            continue
        spread = [f"{value:.0f}" for value in np.percentile(sizes, PERCENTILES)]
        over = [f"{(sizes > cutoff).mean():.1%}" for cutoff in cutoffs]
        counts = [_number(len(sizes)), _number(int(sizes.sum())), f"{sizes.mean():.1f}"]
        rows.append([name, *counts, *spread, _number(int(sizes.max())), *over])
    return layout(rows)


def layout(rows: Sequence[Sequence[str]]) -> str:
    """Align columns: the first to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(c.rjust(w) if at else c.ljust(w) for at, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
