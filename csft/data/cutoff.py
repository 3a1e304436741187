"""What "cut-off length" means: which tokens of a record are kept, for many records at once.

    lead           question                              answer
    <s> [system] | <|im_start|>user⏎ text <|im_end|>⏎… | text [end]     the record's opening leads turn 0
    [separator]  | <|im_start|>user⏎ text <|im_end|>⏎… | text [end]     later turns
                   head              text tail

`llamafactory` (0.8 to 0.9) cuts ends. A turn with S tokens of lead and question, T of answer and `room` left:

    2T < room          the answer may use all the room: the question is what gets cut
    else 2S < room     the answer may use room - S: the answer gets cut
    else               the answer may use trunc(room * (T / (S + T))), the quotient first, in doubles

A cut question loses its tail (the assistant marker) first. Turns are served in order, or last first when
only the last one is trained; one that finds no room is dropped.

`drop` keeps a record whole if it fits, and nothing of it otherwise.

`keep_end` cuts beginnings. `<s>`, the last turn's head, tail and answer end always stay. Of what is left,
that turn's question text and answer text get up to half each (the answer the odd token), and what one does
not need the other may use; each keeps its last tokens. Then the system text stays if it fits, then earlier
turns, newest first, up to the one that does not fit: those are never cut, and the first turn that stays
follows the opening without a separator. Without room for one token of text nothing is kept.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from csft.errors import SettingError

if TYPE_CHECKING:
    from csft.data.template import Frame

Counts = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Turns:
    """Tokens of many records' turns, flat: record r owns `start[r]` to `start[r + 1]`, at least one."""

    lead: Counts
    question: Counts
    answer: Counts
    start: Counts

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def first(self) -> Counts:
        """Entry of each record's first turn."""
        return self.start[:-1]

    @property
    def last(self) -> Counts:
        """Entry of each record's last turn."""
        return self.start[1:] - 1

    @property
    def tokens(self) -> Counts:
        """Tokens of each record."""
        return self.per_record(self.lead + self.question + self.answer)

    def per_record(self, values: NDArray[Any]) -> Counts:
        """Sum flat values over each record's turns."""
        if len(values) == len(self):
            return values.astype(np.int64)
        return np.asarray(np.add.reduceat(values, self.first, dtype=np.int64))

    def any(self, flags: Flags) -> Flags:
        """Tell which records have a turn with the flag."""
        return flags if len(flags) == len(self) else np.logical_or.reduceat(flags, self.first)

    def per_turn(self, values: NDArray[Any]) -> NDArray[Any]:
        """Repeat each record's value for its turns."""
        return np.repeat(values, np.diff(self.start))


Policy = Callable[[Turns, "Frame", int, bool], Turns]


def keep(
    turns: Turns, frame: "Frame", cutoff: int, mask_history: bool = False, policy: str = "llamafactory"
) -> Turns:
    """How many tokens of each lead, question and answer stay; with the template's close, `cutoff` at most."""
    check(cutoff, policy)
    return POLICIES[policy](turns, frame, cutoff, mask_history)


def check(cutoff: int, policy: str = "llamafactory") -> None:
    """Raise a SettingError for a cut-off or policy that cannot be used."""
    if isinstance(cutoff, bool) or not isinstance(cutoff, int) or cutoff < 1:
        raise SettingError("cutoff", cutoff, "a whole number of tokens, at least 1")
    if policy not in POLICIES:
        raise SettingError("cutoff_policy", policy, ", ".join(POLICIES))


def split_room(prompt: Counts, answer: Counts, room: Counts) -> tuple[Counts, Counts]:
    """LLaMA-Factory's rule: tokens kept of prompts and answers, elementwise; `room` at least 1."""
    share = np.trunc(room * (answer / np.maximum(prompt + answer, 1))).astype(np.int64)
    most = np.where(2 * answer < room, room, np.where(2 * prompt < room, room - prompt, share))
    kept = np.minimum(most, answer)
    return np.minimum(np.maximum(room - kept, 0), prompt), kept


def _llamafactory(turns: Turns, frame: "Frame", cutoff: int, mask_history: bool) -> Turns:
    full = turns.lead + turns.question
    prompt, answer = np.zeros_like(full), np.zeros_like(turns.answer)
    room = np.full(len(turns), cutoff - len(frame.close), dtype=np.int64)
    number = np.diff(turns.start)
    for step in range(int(number.max(initial=0))):
        live = np.flatnonzero((number > step) & (room > 0))
        if not len(live):
            break
        at = turns.last[live] - step if mask_history else turns.first[live] + step
        prompt[at], answer[at] = split_room(full[at], turns.answer[at], room[live])
        room[live] -= prompt[at] + answer[at]
    lead = np.minimum(prompt, turns.lead)
    return Turns(lead, prompt - lead, answer, turns.start)


def _drop(turns: Turns, frame: "Frame", cutoff: int, mask_history: bool) -> Turns:
    stays = turns.per_turn(turns.tokens + len(frame.close) <= cutoff)
    return Turns(turns.lead * stays, turns.question * stays, turns.answer * stays, turns.start)


def _keep_end(turns: Turns, frame: "Frame", cutoff: int, mask_history: bool) -> Turns:
    first, last, end = turns.first, turns.last, len(frame.answer_end)
    around = frame.question_head + frame.question_tail
    text = cutoff - len(frame.close) - len(frame.bos) - around - end
    if text < 1:
        nothing = np.zeros_like(turns.lead)
        return Turns(nothing, nothing, nothing, turns.start)
    asked, answered = turns.question[last] - around, turns.answer[last] - end
    answer_text = np.minimum(answered, np.maximum(text - asked, (text + 1) // 2))
    question_text = np.minimum(asked, text - answer_text)
    room = text - answer_text - question_text
    system = turns.lead[first] - len(frame.bos)
    system *= system <= room

    separator = np.append(turns.lead[1:], 0)  # of the turn after: there is one only where this turn stays
    cost = turns.question + turns.answer + separator
    cost[last] = 0
    spent = np.cumsum(cost)
    stays = turns.per_turn(spent[last]) - spent + cost <= turns.per_turn(room - system)
    lead = turns.lead * np.append(False, stays[:-1])
    lead[first] = len(frame.bos) + system
    question, answer = turns.question * stays, turns.answer * stays
    question[last], answer[last] = around + question_text, answer_text + end
    return Turns(lead, question, answer, turns.start)


POLICIES: dict[str, Policy] = {"llamafactory": _llamafactory, "drop": _drop, "keep_end": _keep_end}
FROM_END = frozenset({"keep_end"})  # policies whose questions and answers keep their last tokens
