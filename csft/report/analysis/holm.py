"""Holm's correction for several tests."""

from collections.abc import Sequence


def holm(p: Sequence[float], family: int | None = None) -> list[float]:
    """Adjusted p of some of the tests of a family: all of them unless `family` says how many there are.

    Tests of the family that are not given count as if their p were higher, which is on the safe side.
    """
    size, reached = max(len(p), family or 0), 0.0
    adjusted = [0.0] * len(p)
    for rank, place in enumerate(sorted(range(len(p)), key=lambda place: p[place])):
        reached = max(reached, min(1.0, (size - rank) * p[place]))
        adjusted[place] = reached
    return adjusted
