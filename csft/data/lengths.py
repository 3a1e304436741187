"""Token lengths per dataset, uncut, with cut-offs beside them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from csft.data.columns import layout, number

PERCENTILES = (5, 25, 50, 75, 90, 95, 99)


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
        counts = [number(len(sizes)), number(int(sizes.sum())), f"{sizes.mean():.1f}"]
        rows.append([name, *counts, *spread, number(int(sizes.max())), *over])
    return layout(rows)
