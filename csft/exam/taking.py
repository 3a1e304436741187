"""Taking an exam: every question is asked once, in batches, and answers come out as they are there."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from csft.cmb import Question
from csft.errors import ExamError, SettingError
from csft.exam.answering import Answering
from csft.exam.asking import Asking
from csft.exam.batching import Batch, Limits, plan
from csft.exam.formats import Wrap
from csft.exam.kept_answers import KeptAnswers, going_on
from csft.exam.papers import conversations, tokenised
from csft.exam.prediction import Prediction
from csft.exam.splits import doubled, id_list


def take(net: Any, tokenizer: Any, questions: Sequence[Question], wrap: Wrap, **how: Any) -> list[Prediction]:
    """Ask `net` all `questions`; predictions come back in their order. Settings as those of `stream`."""
    return in_order(questions, stream(net, tokenizer, questions, wrap, **how))


def in_order(questions: Sequence[Question], batches: Iterable[Sequence[Prediction]]) -> list[Prediction]:
    """The answers of all batches in the order of their questions."""
    answers: dict[int | None, Prediction] = {one.id: one for batch in batches for one in batch}
    return [answers[question.id] for question in questions]


def stream(
    net: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    wrap: Wrap,
    asking: Asking | None = None,
    *,
    shots_from: Sequence[Question] = (),
    batch_tokens: int = 8192,
    batch_rows: int | None = None,
    rounds: int = 1,
    kept: KeptAnswers | None = None,
    keep_prompts: Path | None = None,
    prompts_key: str = "",
) -> Iterator[list[Prediction]]:
    """Ask and give the answers batch by batch; stop iterating and nothing more is computed.

    `wrap` turns conversations into token ids that end where the model's turn begins. `batch_tokens` bounds
    what is computed at once, `batch_rows` how many questions; answers do not depend on them beyond
    floating-point noise. With several `rounds` the questions are answered slice by slice in the order given,
    so that what is known is a fair part of an exam in exam order. With `kept` answers of an earlier attempt
    come first and are not computed again. `shots_from` is the split that examples are drawn from.
    `keep_prompts` is a folder for token ids, in which `prompts_key` stands for tokenizer and wrapper.
    Raises ExamError for logits that are not numbers and for a tokenizer that runs letters together.
    """
    asking = asking or Asking()
    _check(questions, batch_tokens, batch_rows, rounds)
    said = conversations(questions, asking, shots_from)
    prompts = tokenised(said, wrap, keep_prompts, prompts_key)
    families = [(one.sub_exam.key if one.sub_exam else "", one.question_type) for one in questions]
    answering = Answering(net, tokenizer, asking, questions, prompts)
    limits = Limits(batch_tokens, batch_rows, answering.longer)
    batches = plan(prompts, families, limits, rounds, answering.shares)

    def compute(known: Collection[int]) -> Iterator[list[Prediction]]:
        for batch in batches:
            rows = tuple(row for row in batch.rows if questions[row].id not in known)
            if rows:
                with evaluating(net):  # not around the loop: whoever iterates is not to stay inside it
                    answers = answering.answers(Batch(rows, batch.shared))
                yield answers

    yield from going_on(questions, kept, compute)


@contextmanager
def evaluating(net: Any) -> Iterator[None]:
    """No dropout, no gradients; the training mode comes back afterwards."""
    import torch

    training = net.training
    net.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        net.train(training)


def _check(questions: Sequence[Question], batch_tokens: int, batch_rows: int | None, rounds: int) -> None:
    for name, value in (("batch_tokens", batch_tokens), ("batch_rows", batch_rows), ("rounds", rounds)):
        if value is not None and value < 1:
            raise SettingError(f"exam.{name}", value, "a whole number, at least 1")
    ids = [question.id for question in questions]
    if None in ids:
        raise ExamError(f"{ids.count(None)} questions carry no id; number them before the exam.")
    if twice := doubled(one for one in ids if one is not None):
        raise ExamError(f"{len(twice)} ids occur more than once among the questions: {id_list(twice)}.")
