"""Which questions are computed together: rounds in exam order, common beginnings once, lengths sorted.

round      a stratified slice of the exam, so that what is known when an exam is stopped is a fair sample
family     questions of one sub-exam and kind, whose prompts begin alike (frame, examples, first sentence)

           beginning │ rows × longest ≤ at_once
           ▓▓▓▓▓▓    │ ▓▓▓▓▓▓▓▓▓▓           a large family has batches of its own; small ones share a pass
           once      │ ▓▓▓▓▓▓▓▓▓░           over all their beginnings, and then batches
           ▒▒▒▒▒     │ ▒▒▒▒▒▒▒▒▒░
"""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from csft.exam.papers import Ids
from csft.filling import HELD, filled

# Common beginnings are computed apart where that saves as many tokens as a forward pass of its own is worth.
WORTH_TOKENS = 2048


@dataclass(frozen=True)
class Beginning:
    """The first tokens of a row's prompt, with which those of other rows begin as well."""

    row: int
    tokens: int


@dataclass(frozen=True)
class Batch:
    """Row numbers; with beginnings that are computed once, `begun` has the place of each row's."""

    rows: tuple[int, ...]
    beginnings: tuple[Beginning, ...] = ()
    begun: tuple[int, ...] = ()

    def begun_tokens(self, place: int) -> int:
        """How many tokens of the prompt at this place in the batch are among the beginnings."""
        return self.beginnings[self.begun[place]].tokens if self.beginnings else 0

    def take(self, places: Sequence[int]) -> "Batch":
        """The rows at these places, which may come more than once."""
        begun = tuple(self.begun[place] for place in places) if self.beginnings else ()
        return Batch(tuple(self.rows[place] for place in places), self.beginnings, begun)


@dataclass(frozen=True)
class Limits:
    """What a batch may cost: `HELD` times `tokens` are held at once, `rows` at most.

    Computed at once are `at_once` tokens, or as many as `tokens`. `longer` counts the tokens that a row will
    grow by, `members` the nets that are asked together. One row alone may be over the limits.
    """

    tokens: int
    rows: int | None = None
    longer: int = 0
    at_once: int | None = None
    members: int = 1

    def allow(self, rows: int, longest: int, shared: int) -> bool:
        """Whether so many rows of so many tokens behind `shared` ones fit."""
        if self.rows is not None and rows > self.rows:
            return False
        held = rows * (shared + longest + self.longer)
        return rows * longest <= min(self.tokens, self.at_once or self.tokens) and held <= HELD * self.tokens

    def begin(self, families: int, longest: int) -> bool:
        """Whether beginnings of so many families, each of so many tokens, can be computed in one pass."""
        return families * longest * self.members <= self.tokens


def plan(
    prompts: Sequence[Ids], families: Sequence[Hashable], limits: Limits, rounds: int = 1, share: bool = True
) -> list[Batch]:
    """Batches of all rows: round after round of the order given, in each the longest first."""
    made: list[Batch] = []
    for one in np.array_split(np.arange(len(prompts)), max(1, min(rounds, len(prompts)))):
        made += _round([int(row) for row in one], prompts, families, limits, share)
    return made


def split(batch: Batch, prompts: Sequence[Ids], places: Sequence[int], limits: Limits) -> Iterator[list[int]]:
    """Parts of `places` in a batch, by their numbers, that each fit; a place may come more than once."""
    lengths = {
        at: len(prompts[batch.rows[place]]) - batch.begun_tokens(place) for at, place in enumerate(places)
    }
    shared = max((one.tokens for one in batch.beginnings), default=0)
    return filled(lengths, partial(limits.allow, shared=shared))


def _round(
    rows: list[int], prompts: Sequence[Ids], families: Sequence[Hashable], limits: Limits, share: bool
) -> Iterator[Batch]:
    members: dict[Hashable, list[int]] = defaultdict(list)
    for row in rows:
        members[families[row]].append(row)
    found = list(members.values())
    begun = [common([prompts[row] for row in family]) if share else 0 for family in found]
    single = []
    for group in _groups([len(family) for family in found], begun, limits):
        if len(group) > 1 or _saved(len(found[group[0]]), begun[group[0]]) >= WORTH_TOKENS:
            yield from _filled(
                {Beginning(found[one][0], begun[one]): found[one] for one in group}, prompts, limits
            )
        else:
            single += found[group[0]]
    yield from _filled({Beginning(0, 0): single}, prompts, limits)


def _groups(sizes: Sequence[int], begun: Sequence[int], limits: Limits) -> Iterator[list[int]]:
    """Families whose beginnings are computed in one pass: each that is worth one, and small ones together."""
    saved = [_saved(size, tokens) for size, tokens in zip(sizes, begun, strict=True)]
    small = {one: begun[one] for one, worth in enumerate(saved) if 0 < worth < WORTH_TOKENS}
    together = [
        group for group in filled(small, limits.begin) if sum(saved[one] for one in group) >= WORTH_TOKENS
    ]
    yield from together
    grouped = {one for group in together for one in group}
    yield from ([one] for one in range(len(sizes)) if one not in grouped)


def _saved(rows: int, shared: int) -> int:
    """Tokens that need not be computed where what is common to some rows is computed once."""
    return (rows - 1) * shared


def _filled(
    families: Mapping[Beginning, Sequence[int]], prompts: Sequence[Ids], limits: Limits
) -> Iterator[Batch]:
    """Batches of rows that begin in some ways; one of no tokens is none."""
    beginnings = tuple(one for one in families if one.tokens)
    lengths = {row: len(prompts[row]) - one.tokens for one, rows in families.items() for row in rows}
    place = {row: at for at, rows in enumerate(families.values()) for row in rows}
    shared = max((one.tokens for one in beginnings), default=0)
    for batch in filled(lengths, partial(limits.allow, shared=shared)):
        yield Batch(tuple(batch), beginnings, tuple(place[row] for row in batch) if beginnings else ())


def common(prompts: Sequence[Ids]) -> int:
    """Tokens that all begin with; of the shortest, one at least stays apart."""
    first = prompts[0]
    length = min(len(one) for one in prompts) - 1
    for one in prompts[1:]:
        differ = np.flatnonzero(one[:length] != first[:length])
        length = int(differ[0]) if len(differ) else length
    return max(length, 0)
