"""What a cut-off costs: records that lose something, counted by what they lose."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from csft.data import cutoff as rule

if TYPE_CHECKING:
    from csft.data.store import TokenStore
    from csft.data.template import Frame


@dataclass(frozen=True)
class Truncation:
    """Records of one dataset, and how many of them lose a token of each kind; one may lose several.

    A turn that goes whole takes all it has. `dropped` records count as nothing else. `untrained` ones are
    left out too. Tokens: all of `records` before, of the rows that stay after; `trained` ones are answers'.
    """

    records: int = 0
    dropped: int = 0  # did not fit whole, under cutoff_policy=drop
    untrained: int = 0  # no answer token is left that would be trained
    turns: int = 0  # whole turns
    system: int = 0  # system text
    question: int = 0  # text of a question, its options included
    options: int = 0  # lettered options of a question
    marker: int = 0  # the assistant marker after a question
    answer: int = 0  # text of an answer
    statement: int = 0  # the line of an answer that states the letters, closing punctuation aside
    conclusion: int = 0  # the last answer's last words, likewise: it no longer says what it comes to
    tokens_before: int = 0
    tokens_after: int = 0
    trained_before: int = 0
    trained_after: int = 0

    def as_dict(self) -> dict[str, int]:
        """For a log."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __add__(self, other: "Truncation") -> "Truncation":
        mine, theirs = self.as_dict(), other.as_dict()
        return Truncation(**{name: count + theirs[name] for name, count in mine.items()})


@dataclass(frozen=True)
class Cut:
    """Records before and after a cut-off; `turn` says which turn of the store each entry stands for."""

    full: rule.Turns
    kept: rule.Turns
    turn: rule.Counts
    mask_history: bool
    policy: str

    def trained(self, turns: rule.Turns) -> rule.Counts:
        """Answer tokens of each record that are trained on, or would be."""
        return turns.answer[turns.last] if self.mask_history else turns.per_record(turns.answer)

    @property
    def stays(self) -> rule.Flags:
        """Records with something left to train on."""
        return self.trained(self.kept) > 0


def count(cut: Cut, store: "TokenStore", frame: "Frame") -> Truncation:
    """Compare what was with what is kept."""
    full, kept, stays, close = cut.full, cut.kept, cut.stays, len(frame.close)
    dropped = (kept.tokens == 0) & (cut.policy == "drop")
    opening = full.lead[full.first]
    lost = {
        "turns": full.any((kept.question + kept.answer) == 0),
        "system": (opening > len(frame.bos)) & (kept.lead[full.first] < opening),
        **_lost_of_questions(cut, store, frame),
        **_lost_of_answers(cut, store, frame),
    }
    return Truncation(
        records=len(full),
        dropped=int(dropped.sum()),
        untrained=int((~stays & ~dropped).sum()),
        **{name: int((flags & ~dropped).sum()) for name, flags in lost.items()},
        tokens_before=int(full.tokens.sum()) + close * len(full),
        tokens_after=int((kept.tokens[stays] + close).sum()),
        trained_before=int(cut.trained(full).sum()),
        trained_after=int(cut.trained(kept).sum()),
    )


def _lost_of_questions(cut: Cut, store: "TokenStore", frame: "Frame") -> dict[str, rule.Flags]:
    full, kept = cut.full, cut.kept
    lost, options = full.question - kept.question, store.options[cut.turn].astype(np.int64)
    if cut.policy in rule.FROM_END:  # a turn keeps its marks, or goes whole
        text = kept.question - frame.question_head - frame.question_tail
        marker, question, missing = kept.question == 0, lost > 0, text < options
    else:
        marker, question, missing = lost > 0, lost > frame.question_tail, lost > frame.question_tail
    return {
        "marker": full.any(marker),
        "question": full.any(question),
        "options": full.any(missing & (options > 0)),
    }


def _lost_of_answers(cut: Cut, store: "TokenStore", frame: "Frame") -> dict[str, rule.Flags]:
    full, kept, end = cut.full, cut.kept, len(frame.answer_end)
    closing, statement = (array[cut.turn].astype(np.int64) for array in (store.closing, store.statement))
    text = full.answer - end
    if cut.policy in rule.FROM_END:
        left = np.maximum(kept.answer - end, 0)
        conclusion, stated = (left <= closing) & (left < text), left < statement
    else:
        left = np.minimum(kept.answer, text)
        conclusion = stated = text - left > closing
    return {
        "answer": full.any(left < text),
        "statement": full.any(stated & (statement > 0)),
        "conclusion": conclusion[full.last],
    }
