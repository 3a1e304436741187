"""What is computed together."""

from collections.abc import Iterator, Sequence


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Row numbers, longest first; rows times the longest stay within `budget` tokens, or a row is alone."""
    rows: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda one: (-lengths[one], one)):
        if rows and (len(rows) + 1) * lengths[rows[0]] > budget:
            yield rows
            rows = []
        rows.append(row)
    if rows:
        yield rows
