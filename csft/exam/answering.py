"""What one net answers to a batch of prompts: letters by likelihood, or text that is read."""

from collections.abc import Callable, Sequence
from typing import Any

from csft.cmb import Question
from csft.exam.answers import decided
from csft.exam.asking import Asking
from csft.exam.batching import Batch
from csft.exam.formats import BASE_STOP
from csft.exam.papers import Ids
from csft.exam.prediction import Prediction

Answerer = Callable[[Sequence[Question], Sequence[Sequence[int]], Any], list[Prediction]]


class Answering:
    """One net in front of one set of prompts."""

    def __init__(
        self, net: Any, tokenizer: Any, asking: Asking, questions: Sequence[Question], prompts: Sequence[Ids]
    ) -> None:
        from csft.exam.rows import can_share

        self.net, self.questions, self.prompts = net, questions, prompts
        self.shares = can_share(net)
        self.longer = asking.max_new_tokens if asking.written else 0
        self._answer = (_writer if asking.written else _reader)(net, tokenizer, asking)
        self._shared: tuple[list[int], Any] = ([], None)

    def answers(self, batch: Batch) -> list[Prediction]:
        """Ask the questions of a batch."""
        asked = [self.questions[row] for row in batch.rows]
        rest = [self.prompts[row][batch.shared :].tolist() for row in batch.rows]
        return self._answer(asked, rest, self._beginning(batch))

    def _beginning(self, batch: Batch) -> Any:
        """Keys and values of what the batch's prompts begin with, kept for the next batch; None without."""
        from csft.exam.rows import Shared

        if not batch.shared:
            return None
        ids = self.prompts[batch.rows[0]][: batch.shared].tolist()
        if ids != self._shared[0]:
            self._shared = (ids, None)  # the old ones are given back first
            self._shared = (ids, Shared(self.net, ids))
        return self._shared[1]


def _reader(net: Any, tokenizer: Any, asking: Asking) -> Answerer:
    from csft.exam.logits import LetterReader

    reader = LetterReader(net, tokenizer)

    def read(asked: Sequence[Question], prompts: Sequence[Sequence[int]], shared: Any) -> list[Prediction]:
        return [
            Prediction.of(question, letters, logprobs=logprobs)
            for question, (letters, logprobs) in zip(asked, reader.read(asked, prompts, shared), strict=True)
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

    def write(asked: Sequence[Question], prompts: Sequence[Sequence[int]], shared: Any) -> list[Prediction]:
        return [
            Prediction.written(question, text, asking.rule)
            for question, text in zip(asked, writer.write(asked, prompts, shared), strict=True)
        ]

    return write
