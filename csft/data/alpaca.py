"""The one form every dataset is brought into."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alpaca:
    """One training record. The user says `instruction`, a line break and `input`; `output` is learned.

    `history` holds the earlier (user, assistant) turns of a dialogue, oldest first.
    """

    instruction: str
    input: str
    output: str
    history: tuple[tuple[str, str], ...] = ()
    system: str = ""
