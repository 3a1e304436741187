"""A text to read, and what of it is to be learned."""

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What a stretch of a document is to the learner."""

    GIVEN = "read, not learned"
    LEARNED = "learned"
    VEILED = "read; out of sight after the next part"
    RECALLED = "read; at its end the document's next value is put into the network, as if recalled"


Parts = tuple[tuple[str, Kind], ...]


@dataclass(frozen=True, slots=True)
class Document:
    """Text to read, in parts; a chat has a prompt."""

    prompt: Parts | None
    parts: Parts
    recalled: tuple[tuple[str, ...], ...] = ()  # the values for its RECALLED parts, in order

    @classmethod
    def chat(cls, prompt: str | Parts, answer: str) -> "Document":
        """A question that is given and an answer that is learned."""
        given = ((prompt, Kind.GIVEN),) if isinstance(prompt, str) else prompt
        return cls(given, ((answer, Kind.LEARNED),))

    @property
    def text(self) -> str:
        """All of it, without the chat's markers."""
        return "".join(text for text, _ in (*(self.prompt or ()), *self.parts))
