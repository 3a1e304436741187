"""What nets answer to a batch of prompts: letters by likelihood, or text that is read."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from csft.cmb import Question
from csft.exam.answers import decided
from csft.exam.asking import Asking
from csft.exam.batching import Batch
from csft.exam.formats import BASE_STOP
from csft.exam.papers import Ids
from csft.exam.prediction import Prediction

# Questions and their prompts (csft.rows.Begun, which imports torch) to what is answered.
Answerer = Callable[[Sequence[Question], Any], list[Prediction]]


class Answering:
    """A net in front of one set of prompts; where it is several (`csft.model.Joint`), rows have owners."""

    def __init__(
        self, net: Any, tokenizer: Any, asking: Asking, questions: Sequence[Question], prompts: Sequence[Ids]
    ) -> None:
        from csft.rows import can_share

        self.net, self.questions, self.prompts = net, questions, prompts
        self.shares = can_share(net)
        self.longer = asking.max_new_tokens if asking.written else 0
        self.members: Collection[int] = ()  # who may own rows from now on
        self._answer = (_writer if asking.written else _reader)(net, tokenizer, asking)
        self._computed: tuple[list[list[int]], tuple[int, ...]] = ([], ())
        self._shared: Any = None

    def answers(self, batch: Batch, owners: Sequence[int] | None = None) -> list[Prediction]:
        """Ask the questions of a batch."""
        from csft.rows import Begun

        asked = [self.questions[row] for row in batch.rows]
        rest = [self.prompts[row][batch.begun_tokens(at) :].tolist() for at, row in enumerate(batch.rows)]
        if not batch.beginnings:
            return self._answer(asked, Begun(rest, owners=owners))
        self._begin([self.prompts[one.row][: one.tokens].tolist() for one in batch.beginnings])
        members, each = self._computed[1], len(batch.beginnings)
        first = [members.index(owner) * each for owner in owners] if owners else [0] * len(rest)
        begun = [place + at for place, at in zip(first, batch.begun, strict=True)]
        return self._answer(asked, Begun(rest, self._shared, begun, owners))

    def _begin(self, beginnings: list[list[int]]) -> None:
        """Compute keys and values of what prompts begin with, by every member; kept for the next batch."""
        from csft.rows import Shared

        members = tuple(self.members)
        known, by = self._computed
        if known == beginnings and set(members) <= set(by):
            return
        self._shared = None  # the old ones are given back first
        owners = [member for member in members for _ in beginnings] or None
        self._shared = Shared(self.net, beginnings * max(1, len(members)), owners)
        self._computed = (beginnings, members)


def _reader(net: Any, tokenizer: Any, asking: Asking) -> Answerer:
    from csft.exam.logits import LetterReader

    reader = LetterReader(net, tokenizer)

    def read(questions: Sequence[Question], asked: Any) -> list[Prediction]:
        return [
            Prediction.of(question, letters, logprobs=logprobs)
            for question, (letters, logprobs) in zip(questions, reader.read(questions, asked), strict=True)
        ]

    return read


def _writer(net: Any, tokenizer: Any, asking: Asking) -> Answerer:
    from csft.exam.greedy import Stop, Writer, stop_ids

    stop = Stop(
        tuple(stop_ids(net, tokenizer)),
        asking.max_new_tokens,
        before=BASE_STOP if asking.format == "base" else "",
        decided=decided if asking.rule == "official" else None,
    )
    writer = Writer(net, tokenizer, stop)

    def write(questions: Sequence[Question], asked: Any) -> list[Prediction]:
        return [
            Prediction.written(question, text, asking.rule)
            for question, text in zip(questions, writer.write(questions, asked), strict=True)
        ]

    return write
