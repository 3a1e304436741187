"""What a net answered, and within which limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Sampled:
    """Token ids of an answer without what ended it; not `finished` where nothing did."""

    ids: tuple[int, ...]
    finished: bool


class Drawing(NamedTuple):
    """What ends an answer, and limits in tokens: of one answer, and of what is computed at once."""

    stops: Sequence[int]
    pad_id: int
    max_new_tokens: int
    batch_tokens: int
