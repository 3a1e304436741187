"""One answer of an exam."""

from dataclasses import dataclass, field
from typing import Any

from csft.cmb import Question
from csft.exam.answers import read_answer


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model answered to one question.

    `logprobs` (protocol `logits`): natural log-probability of each way the answer could begin, given
    the whole vocabulary: the option letters, and for several answers also pieces such as `AB`.
    """

    id: int
    letters: str  # "" = unparsed
    correct: bool
    text: str = ""  # what was written; empty under `logits`
    logprobs: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, question: Question, letters: str, **more: Any) -> "Prediction":
        """The answer to a question, held against its key."""
        assert question.id is not None, "exams number their questions"
        return cls(question.id, letters, letters == question.answer, **more)

    @classmethod
    def written(cls, question: Question, text: str, rule: str) -> "Prediction":
        """What a written answer says by a rule."""
        return cls.of(question, read_answer(text, question.question_type, rule), text=text)
