"""Taking an exam: every question is asked once, in batches, and answers come out as they are there."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from csft.cmb import Question
from csft.evaluating import evaluating
from csft.exam.asking import Asking
from csft.exam.formats import Wrap
from csft.exam.kept_answers import KeptAnswers, going_on
from csft.exam.prediction import Prediction
from csft.exam.preparing import Paper, prepare


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
    paper = Paper(
        questions,
        wrap,
        asking or Asking(),
        shots_from,
        batch_tokens,
        batch_rows,
        rounds,
        keep_prompts,
        prompts_key,
    )
    yield from stream_paper(net, tokenizer, paper, kept)


def stream_paper(
    net: Any, tokenizer: Any, paper: Paper, kept: KeptAnswers | None = None
) -> Iterator[list[Prediction]]:
    """The same, of a paper."""
    questions = paper.questions
    answering, batches, _ = prepare(net, tokenizer, paper)

    def compute(known: Collection[int]) -> Iterator[list[Prediction]]:
        for batch in batches:
            left = [at for at, row in enumerate(batch.rows) if questions[row].id not in known]
            if left:
                with evaluating(net):  # not around the loop: whoever iterates is not to stay inside it
                    answers = answering.answers(batch.take(left))
                yield answers

    yield from going_on(questions, kept, compute)
