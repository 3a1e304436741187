"""One answer of an exam."""

from dataclasses import dataclass, field


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
