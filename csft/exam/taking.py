"""Taking an exam: every question is asked once, in length-sorted batches under a token budget."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from csft.cmb import Question
from csft.console import progress
from csft.errors import ExamError, SettingError
from csft.exam.answers import read_answer
from csft.exam.prompts import question_text
from csft.exam.splits import doubled, id_list

PROTOCOLS = ("logits", "generate")
# The logits of a padded batch are computed at every length that occurs in it, for every row.
DISTINCT_LENGTHS = 8

Wrap = Callable[[str], list[int]]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model answered to one question.

    `logprobs` (protocol `logits`): natural log-probability of each way the answer could begin, given
    the whole vocabulary: the option letters, and for several answers also pieces such as `AB`.
    """

    id: int
    letters: str  # "" = unparsed
    correct: bool
    text: str = ""  # what was generated; empty under `logits`
    logprobs: dict[str, float] = field(default_factory=dict)


def take(
    net: Any,
    tokenizer: Any,
    questions: Sequence[Question],
    wrap: Wrap,
    protocol: str = "logits",
    *,
    prompt: str = "cmb",
    batch_tokens: int = 8192,
    max_new_tokens: int = 64,
    answer_rule: str = "official",
    on_batch: Callable[[list[Prediction]], None] | None = None,
) -> list[Prediction]:
    """Ask `net` all `questions`; predictions come back in their order.

    `wrap` turns a user's text into token ids that end where the model's turn begins. `batch_tokens`
    bounds rows × longest row; answers do not depend on it beyond floating-point noise. Questions are
    asked longest first, so for partial results in exam order call this with one slice after another.
    Raises ExamError for logits that are not numbers and for a tokenizer that runs letters together.
    """
    _check(questions, protocol, batch_tokens, max_new_tokens)
    prompts = [wrap(question_text(one, prompt, official_quirks=protocol == "generate")) for one in questions]
    extra, distinct = (0, DISTINCT_LENGTHS) if protocol == "logits" else (max_new_tokens, len(questions))
    plan = list(batches([len(ids) + extra for ids in prompts], batch_tokens, distinct))
    answer = _answerer(net, tokenizer, protocol, max_new_tokens, answer_rule)
    done: dict[int, Prediction] = {}
    with evaluating(net):
        for rows in progress(plan, f"exam ({len(questions)} questions)", "batch"):
            asked = [questions[row] for row in rows]
            predictions = answer(asked, [prompts[row] for row in rows])
            done.update(zip(rows, predictions, strict=True))
            if on_batch is not None:
                on_batch(predictions)
    return [done[row] for row in range(len(questions))]


def batches(lengths: Sequence[int], batch_tokens: int, distinct: int) -> Iterator[list[int]]:
    """Row numbers, longest first; rows × longest stays within the budget unless one row alone is over it."""
    rows: list[int] = []
    seen: set[int] = set()
    for row in sorted(range(len(lengths)), key=lambda one: (-lengths[one], one)):
        full = rows and (len(rows) + 1) * lengths[rows[0]] > batch_tokens
        if full or len(seen | {lengths[row]}) > distinct:
            yield rows
            rows, seen = [], set()
        rows.append(row)
        seen.add(lengths[row])
    if rows:
        yield rows


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


Answerer = Callable[[list[Question], list[list[int]]], list[Prediction]]


def _answerer(net: Any, tokenizer: Any, protocol: str, max_new_tokens: int, rule: str) -> Answerer:
    if protocol == "logits":
        from csft.exam.logits import LetterReader

        reader = LetterReader(net, tokenizer)

        def by_logits(asked: list[Question], prompts: list[list[int]]) -> list[Prediction]:
            return [
                _prediction(question, letters, logprobs=logprobs)
                for question, (letters, logprobs) in zip(asked, reader.read(asked, prompts), strict=True)
            ]

        return by_logits

    from csft.exam.generate import generate

    def by_text(asked: list[Question], prompts: list[list[int]]) -> list[Prediction]:
        texts = generate(net, tokenizer, prompts, max_new_tokens)
        return [
            _prediction(question, read_answer(text, question.question_type, rule), text)
            for question, text in zip(asked, texts, strict=True)
        ]

    return by_text


def _prediction(
    question: Question, letters: str, text: str = "", logprobs: dict[str, float] | None = None
) -> Prediction:
    if question.id is None:
        raise ExamError(f"A question without an id cannot be answered: {question.question[:40]}")
    return Prediction(question.id, letters, letters == question.answer, text, logprobs or {})


def _check(questions: Sequence[Question], protocol: str, batch_tokens: int, max_new_tokens: int) -> None:
    if protocol not in PROTOCOLS:
        raise SettingError("exam.protocol", protocol, " or ".join(PROTOCOLS))
    for name, value in (("batch_tokens", batch_tokens), ("max_new_tokens", max_new_tokens)):
        if value < 1:
            raise SettingError(f"exam.{name}", value, "a whole number of tokens, at least 1")
    ids = [question.id for question in questions]
    if None in ids:
        raise ExamError(f"{ids.count(None)} questions carry no id; number them before the exam.")
    if twice := doubled(one for one in ids if one is not None):
        raise ExamError(f"{len(twice)} ids occur more than once among the questions: {id_list(twice)}.")
