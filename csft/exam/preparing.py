"""An exam before the first answer: what is put to whom, and in which batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from csft.cmb import Question
from csft.errors import ExamError, SettingError
from csft.exam.answering import Answering
from csft.exam.asking import Asking
from csft.exam.batching import Batch, Limits, plan
from csft.exam.formats import Wrap
from csft.exam.papers import conversations, tokenised
from csft.exam.splits import doubled, id_list
from csft.filling import at_once


@dataclass(frozen=True)
class Paper:
    """Questions and how they are put; the settings are those of `csft.exam.stream`."""

    questions: Sequence[Question]
    wrap: Wrap
    asking: Asking
    shots_from: Sequence[Question] = ()
    batch_tokens: int = 8192
    batch_rows: int | None = None
    rounds: int = 1
    keep_prompts: Path | None = None
    prompts_key: str = ""

    def __post_init__(self) -> None:
        for name in ("batch_tokens", "batch_rows", "rounds"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(f"exam.{name}", value, "a whole number, at least 1")
        ids = [question.id for question in self.questions]
        if None in ids:
            raise ExamError(f"{ids.count(None)} questions carry no id; number them before the exam.")
        if twice := doubled(one for one in ids if one is not None):
            raise ExamError(f"{len(twice)} ids occur more than once among the questions: {id_list(twice)}.")


class Prepared(NamedTuple):
    """What answers a paper, the batches it is asked in, and what a batch may cost."""

    answering: Answering
    batches: list[Batch]
    limits: Limits


def prepare(net: Any, tokenizer: Any, paper: Paper, members: int = 1) -> Prepared:
    """Make ready to ask a net, or as many as are in one (`csft.model.Joint`)."""
    said = conversations(paper.questions, paper.asking, paper.shots_from)
    prompts = tokenised(said, paper.wrap, paper.keep_prompts, paper.prompts_key)
    families = [(one.sub_exam.key if one.sub_exam else "", one.question_type) for one in paper.questions]
    answering = Answering(net, tokenizer, paper.asking, paper.questions, prompts)
    computed = at_once(paper.batch_tokens, net.device)
    limits = Limits(paper.batch_tokens, paper.batch_rows, answering.longer, computed, members)
    return Prepared(answering, plan(prompts, families, limits, paper.rounds, answering.shares), limits)
