"""What is computed together: rows of like length, as many as fit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

# Tokens whose keys and values exist at once where some are kept, in units of those that are computed at once.
HELD = 2
CACHED_TOKENS = 2048


def at_once(tokens: int, device: Any) -> int:
    """How many of `tokens` to compute at once: beyond a processor's caches, each takes longer."""
    return min(tokens, CACHED_TOKENS) if device.type == "cpu" else tokens


def filled(lengths: Mapping[int, int], fits: Callable[[int, int], bool]) -> Iterator[list[int]]:
    """Batches of the rows, `lengths` by their number, longest first.

    `fits` says whether so many rows of so many tokens do; a row that does not fit by itself is alone.
    """
    batch: list[int] = []
    for row in sorted(lengths, key=lambda one: (-lengths[one], one)):
        if batch and not fits(len(batch) + 1, lengths[batch[0]]):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def within(tokens: int, lengths: Sequence[int]) -> Iterator[list[int]]:
    """Batches of which each one's rows times its longest stay within `tokens`."""
    return filled(dict(enumerate(lengths)), lambda rows, longest: rows * longest <= tokens)
