"""Which questions are computed together: rounds in exam order, common beginnings once, lengths sorted.

round      a stratified slice of the exam, so that what is known when an exam is stopped is a fair sample
family     questions of one sub-exam and kind, whose prompts begin alike (frame, examples, first sentence)

           shared │ rows × longest ≤ batch_tokens
           ▓▓▓▓▓▓ │ ▓▓▓▓▓▓▓▓▓▓
           once   │ ▓▓▓▓▓▓▓▓▓░
                  │ ▓▓▓▓▓▓▓▓▓░
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from csft.exam.papers import Ids
from csft.filling import filled

# A common beginning is computed apart where that saves as many tokens as a forward pass of its own is worth.
WORTH_TOKENS = 2048
# Tokens whose keys and values exist at once, in units of those that are computed at once.
HELD = 2


@dataclass(frozen=True)
class Batch:
    """Row numbers, and how many tokens at their prompts' beginning are the same and computed once."""

    rows: tuple[int, ...]
    shared: int = 0


@dataclass(frozen=True)
class Limits:
    """What a batch may cost: `tokens` computed at once, `HELD` times as many held, `rows` at most.

    `longer` counts the tokens that a row will grow by. One row alone may be over the limits.
    """

    tokens: int
    rows: int | None = None
    longer: int = 0

    def allow(self, rows: int, longest: int, shared: int) -> bool:
        """Whether so many rows of so many tokens behind `shared` ones fit."""
        if self.rows is not None and rows > self.rows:
            return False
        held = rows * (shared + longest + self.longer)
        return rows * longest <= self.tokens and held <= HELD * self.tokens


def plan(
    prompts: Sequence[Ids], families: Sequence[Hashable], limits: Limits, rounds: int = 1, share: bool = True
) -> list[Batch]:
    """Batches of all rows: round after round of the order given, in each the longest first."""
    made: list[Batch] = []
    for one in np.array_split(np.arange(len(prompts)), max(1, min(rounds, len(prompts)))):
        made += _round([int(row) for row in one], prompts, families, limits, share)
    return made


def _round(
    rows: list[int], prompts: Sequence[Ids], families: Sequence[Hashable], limits: Limits, share: bool
) -> Iterator[Batch]:
    members: dict[Hashable, list[int]] = defaultdict(list)
    for row in rows:
        members[families[row]].append(row)
    single: list[int] = []
    for family in members.values():
        shared = common([prompts[row] for row in family]) if share else 0
        if (len(family) - 1) * shared < WORTH_TOKENS:
            single += family
        else:
            yield from _filled(family, prompts, limits, shared)
    yield from _filled(single, prompts, limits, 0)


def _filled(rows: Sequence[int], prompts: Sequence[Ids], limits: Limits, shared: int) -> Iterator[Batch]:
    lengths = {row: len(prompts[row]) - shared for row in rows}
    for batch in filled(lengths, partial(limits.allow, shared=shared)):
        yield Batch(tuple(batch), shared)


def common(prompts: Sequence[Ids]) -> int:
    """Tokens that all begin with; of the shortest, one at least stays apart."""
    first = prompts[0]
    length = min(len(one) for one in prompts) - 1
    for one in prompts[1:]:
        differ = np.flatnonzero(one[:length] != first[:length])
        length = int(differ[0]) if len(differ) else length
    return max(length, 0)
