"""How a tokenizer writes answers: `答案是B。`, `答案是BCD。`.

Letters in a row need not be one token each: InternLM2's tokenizer writes BCD as `BC` `D`, and a model
trained on such text has learned those tokens. So the answers of a multiple-answer question form a tree:

    ''─┬─ A ─┬─ 。          = A           candidates: every set of offered letters, in ascending order,
       │     └─ EG ─ 。     = AEG         written and tokenised as the training text writes it
       ├─ AB ─┬─ 。         = AB
       │      └─ D ─ 。     = ABD
       └─ …
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from csft.errors import ExamError
from csft.exam.prompts import ANSWER_END, ANSWER_PREFIX


@dataclass(slots=True)
class AnswerTree:
    """A node: the tokens that some answer goes on with. A leaf holds that answer's `letters`."""

    children: dict[int, "AnswerTree"] = field(default_factory=dict)
    letters: str = ""


def prefix_ids(tokenizer: Any) -> list[int]:
    """The ids of `答案是`, with which the exam opens the model's turn."""
    return _encode(tokenizer, ANSWER_PREFIX)


def letter_ids(tokenizer: Any, letters: Sequence[str]) -> dict[str, int]:
    """The one token that each letter is in `答案是B。`.

    Raises ExamError when a letter is no token of its own there: its likelihood could not be read.
    """
    start = len(prefix_ids(tokenizer))
    found: dict[str, int] = {}
    for letter in letters:
        ids = answer_ids(tokenizer, letter)
        if len(ids) < 2 or ids[0] in found.values() or tokenizer.decode(ids[:1]).strip() != letter:
            pieces = tokenizer.convert_ids_to_tokens(_encode(tokenizer, _text(letter)))
            raise ExamError(
                f"The tokenizer has no token of its own for the letter {letter} in {_text(letter)}: it reads "
                f"{pieces}, of which {start} are {ANSWER_PREFIX}. Score this model with exam=cmb_generate."
            )
        found[letter] = ids[0]
    return found


def answer_tree(tokenizer: Any, letters: Sequence[str]) -> AnswerTree:
    """The tree of all non-empty sets of `letters`; at most 127 answers for seven."""
    root = AnswerTree()
    for size in range(1, len(letters) + 1):
        for chosen in combinations(sorted(letters), size):
            node = root
            for token in answer_ids(tokenizer, "".join(chosen)):
                node = node.children.setdefault(token, AnswerTree())
            node.letters = "".join(chosen)
    return root


def answer_ids(tokenizer: Any, letters: str) -> list[int]:
    """The ids of `{letters}。` as they follow `答案是`. Raises ExamError when they flow into it."""
    prefix, ids = prefix_ids(tokenizer), _encode(tokenizer, _text(letters))
    if ids[: len(prefix)] != prefix:
        pieces = tokenizer.convert_ids_to_tokens(ids)
        raise ExamError(
            f"The tokenizer writes {_text(letters)} as {pieces}, in which {ANSWER_PREFIX} is not kept apart, "
            "so the likelihood of its letters cannot be read. Score this model with exam=cmb_generate."
        )
    return ids[len(prefix) :]


def _text(letters: str) -> str:
    return f"{ANSWER_PREFIX}{letters}{ANSWER_END}"


def _encode(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False))
