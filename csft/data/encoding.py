"""One record to token ids and labels: the plain way, for a notebook, and what the token store must equal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from csft.data import cutoff as rule
from csft.data.template import Frame, bind, encode_texts, encode_turns, find, turns

if TYPE_CHECKING:
    from csft.data.alpaca import Alpaca

IGNORED = -100  # torch's cross entropy skips this label

Pieces = Sequence[tuple[list[int], list[int]]]


def encode(
    record: "Alpaca", tokenizer: Any, template: str = "intern2", cutoff: int = 512, mask_history: bool = False
) -> tuple[list[int], list[int]]:
    """Token ids and labels of one record under a cut-off of that many tokens.

    With `mask_history` the last turn alone is trained and served first when room is short.
    """
    form, frame = find(template), bind(template, tokenizer)
    own = encode_texts(tokenizer, [record.system.join(form.system)])[0] if record.system else None
    pieces = dress(encode_turns(tokenizer, form, turns(record)), frame, own)
    lengths = rule.Turns(
        np.array([len(prompt) for prompt, _ in pieces], dtype=np.int64),
        np.array([len(answer) for _, answer in pieces], dtype=np.int64),
        np.array([0, len(pieces)], dtype=np.int64),
    )
    kept = rule.keep(lengths, cutoff, len(frame.close), mask_history)
    return assemble(pieces, kept.prompt.tolist(), kept.answer.tolist(), frame, mask_history)


def dress(pieces: Pieces, frame: Frame, own_system: Sequence[int] | None) -> Pieces:
    """Put the template's opening, separator and answer end around stored user blocks and answers."""
    opening = frame.opening(own_system)
    return [
        ((frame.between if number else opening) + prompt, answer + frame.answer_end)
        for number, (prompt, answer) in enumerate(pieces)
    ]


def assemble(
    pieces: Pieces, prompt_kept: Sequence[int], answer_kept: Sequence[int], frame: Frame, mask_history: bool
) -> tuple[list[int], list[int]]:
    """Join the kept heads of dressed pieces. Labels: answers, and the end token where a turn closes."""
    ids: list[int] = []
    labels: list[int] = []
    last = len(pieces) - 1
    for number, ((prompt, answer), p, a) in enumerate(zip(pieces, prompt_kept, answer_kept, strict=True)):
        if p == 0:
            continue  # dropped: a turn that is kept has at least one prompt token
        asked = [IGNORED] * p
        if number and frame.close and not mask_history:
            asked[0] = frame.close[0]  # `between` begins where the answer before it ends
        trained = not mask_history or number == last
        ids += prompt[:p] + answer[:a]
        labels += asked + (answer[:a] if trained else [IGNORED] * a)
    return ids + frame.close, labels + frame.close
