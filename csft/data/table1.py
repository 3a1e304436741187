"""Table 1 of the paper with the counts found here beside it."""

from collections.abc import Mapping

from csft.data.catalog import DATASETS
from csft.data.columns import layout, number


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
                number(entry.instructions),
                "not here" if here is None else number(here),
                f"{here - entry.instructions:+,}" if known else "",  # type: ignore[operator]
                number(set_aside.get(name)),
            ]
        )
    return layout(rows)
