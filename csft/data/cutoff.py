"""What "cut-off length" means: which tokens of a record are kept, for many records at once.

Per turn with S prompt tokens, T answer tokens and `room` tokens left (LLaMA-Factory 0.8 to 0.9):

    2T < room          the answer may use all the room: the prompt is what gets cut
    else 2S < room     the answer may use room - S: the answer gets cut
    else               the answer may use trunc(room * (T / (S + T))), the quotient first, in doubles

Heads are kept, tails go, so a cut prompt loses its assistant marker first. Turns that find no room are
dropped. Turns are served in order, or last first when only the last one is trained.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csft.errors import SettingError

Counts = NDArray[np.int64]
Rule = Callable[[Counts, Counts, Counts], tuple[Counts, Counts]]


def llamafactory(prompt: Counts, answer: Counts, room: Counts) -> tuple[Counts, Counts]:
    """Tokens kept of prompts and answers, elementwise; `room` at least 1."""
    share = np.trunc(room * (answer / np.maximum(prompt + answer, 1))).astype(np.int64)
    most = np.where(2 * answer < room, room, np.where(2 * prompt < room, room - prompt, share))
    kept = np.minimum(most, answer)
    return np.minimum(np.maximum(room - kept, 0), prompt), kept


POLICIES: dict[str, Rule] = {"llamafactory": llamafactory}


@dataclass(frozen=True)
class Turns:
    """Turns of many records, flat: record r owns entries `start[r]` to `start[r + 1]`."""

    prompt: Counts
    answer: Counts
    start: Counts

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def last(self) -> Counts:
        """Entry of each record's last turn."""
        return self.start[1:] - 1

    def per_record(self, values: NDArray[np.generic]) -> Counts:
        """Sum flat values over each record's turns."""
        totals = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
        return np.asarray(totals[self.start[1:]] - totals[self.start[:-1]])


def check(cutoff: int, policy: str = "llamafactory") -> Rule:
    """The policy's rule; SettingError for a cut-off or policy that cannot be used."""
    if isinstance(cutoff, bool) or not isinstance(cutoff, int) or cutoff < 1:
        raise SettingError("cutoff", cutoff, "a whole number of tokens, at least 1")
    if policy not in POLICIES:
        raise SettingError("cutoff_policy", policy, ", ".join(POLICIES))
    return POLICIES[policy]


def keep(
    turns: Turns, cutoff: int, reserved: int = 0, last_first: bool = False, policy: str = "llamafactory"
) -> Turns:
    """How many tokens of each prompt and answer stay; a dropped turn keeps 0 and 0.

    `reserved` tokens of every record are set aside for what the template puts at its end.
    """
    rule = check(cutoff, policy)
    prompt, answer = np.zeros_like(turns.prompt), np.zeros_like(turns.answer)
    room = np.full(len(turns), cutoff - reserved, dtype=np.int64)
    number = np.diff(turns.start)
    for step in range(int(number.max(initial=0))):
        live = np.flatnonzero((number > step) & (room > 0))
        if not len(live):
            break
        at = turns.start[live + 1] - 1 - step if last_first else turns.start[live] + step
        prompt[at], answer[at] = rule(turns.prompt[at], turns.answer[at], room[live])
        room[live] -= prompt[at] + answer[at]
    return Turns(prompt, answer, turns.start)
