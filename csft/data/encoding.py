"""One record to token ids and labels: the plain way, for a notebook, and what the token store must equal."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from csft.data import cutoff as rule
from csft.data.template import Frame, bind, encode_texts, encode_turns, find, turns

if TYPE_CHECKING:
    from csft.data.alpaca import Alpaca

IGNORED = -100  # torch's cross entropy skips this label

Piece = tuple[list[int], list[int], list[int]]  # lead, question, answer of one turn: see csft/data/cutoff.py
Kept = Iterable[tuple[int, int, int]]  # tokens of each that stay


def encode(
    record: "Alpaca",
    tokenizer: Any,
    template: str = "intern2",
    cutoff: int = 512,
    mask_history: bool = False,
    *,
    policy: str = "llamafactory",
) -> tuple[list[int], list[int]]:
    """Token ids and labels of one record under a cut-off of that many tokens; empty if nothing is kept.

    With `mask_history` the last turn alone is trained and served first when room is short.
    """
    form, frame = find(template), bind(template, tokenizer)
    own = encode_texts(tokenizer, [record.system.join(form.system)])[0] if record.system else None
    pieces = dress(encode_turns(tokenizer, form, turns(record)), frame, own)
    lead, question, answer = np.array([list(map(len, piece)) for piece in pieces], dtype=np.int64).T
    full = rule.Turns(lead, question, answer, np.array([0, len(pieces)], dtype=np.int64))
    kept = rule.keep(full, frame, cutoff, mask_history, policy)
    each = zip(kept.lead.tolist(), kept.question.tolist(), kept.answer.tolist(), strict=True)
    return assemble(pieces, each, frame, mask_history, policy)


def dress(
    spoken: Sequence[tuple[list[int], list[int]]], frame: Frame, own_system: Sequence[int] | None
) -> list[Piece]:
    """Put the template's opening, separator and answer end beside stored user blocks and answers."""
    opening = frame.opening(own_system)
    return [
        (frame.between if number else opening, question, answer + frame.answer_end)
        for number, (question, answer) in enumerate(spoken)
    ]


def assemble(
    pieces: Sequence[Piece], kept: Kept, frame: Frame, mask_history: bool, policy: str
) -> tuple[list[int], list[int]]:
    """Join what is kept of dressed pieces. Labels: answers, and the end token where a turn closes."""
    ids: list[int] = []
    labels: list[int] = []
    from_end, last = policy in rule.FROM_END, len(pieces) - 1
    for number, ((lead, question, answer), (led, asked, answered)) in enumerate(
        zip(pieces, kept, strict=True)
    ):
        prompt = lead[:led] + _part(question, asked, frame.question_head if from_end else asked)
        said = _part(answer, answered, 0 if from_end else answered)
        masked = [IGNORED] * len(prompt)
        if number and led and frame.close and not mask_history:
            masked[0] = frame.close[0]  # the separator begins where the answer before it ends
        ids += prompt + said
        labels += masked + (said if not mask_history or number == last else [IGNORED] * len(said))
    return (ids + frame.close, labels + frame.close) if ids else ([], [])


def _part(ids: list[int], count: int, head: int) -> list[int]:
    """`count` of the ids: the first `head` of them and the last of the rest."""
    head = min(head, count)
    return ids[:head] + ids[len(ids) - count + head :]
