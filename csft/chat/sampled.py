"""What a net answered."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sampled:
    """Token ids of an answer without what ended it; not `finished` where nothing did."""

    ids: tuple[int, ...]
    finished: bool
