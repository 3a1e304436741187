"""How a trial takes its exams: the tuned model each time, the untrained one once for all trials on it."""

from functools import partial
from typing import TYPE_CHECKING, Any

from csft import data, exam, track
from csft.console import say
from csft.identity import base_key
from csft.job import Job
from csft.result import predictions
from csft.splits import Splits

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def ask(
    job: Job, net: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", questions: list[Any]
) -> list[exam.Prediction]:
    """Put the questions to a net, in the order given."""
    settings = job.config.exam
    wrap = partial(data.user_prompt_ids, tokenizer, job.config.data.template)
    return exam.take(
        net,
        tokenizer,
        questions,
        wrap,
        settings.protocol,
        prompt=settings.prompt,
        batch_tokens=settings.batch_tokens,
    )


def base_scores(
    job: Job, net: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", asked: Splits
) -> dict[str, exam.Scores]:
    """Score the untrained model, once for all trials on this base and exam."""
    cached = track.RunFolder.open(job.where.bases / base_key(job.config, job.where, job.device, asked)[:32])
    if cached.result() is None:
        say("exam of the untrained model (kept for later trials)")
        for split, questions in asked.items():
            cached.write_predictions(split, predictions(questions, ask(job, net, tokenizer, questions)))
        cached.finish({"splits": list(asked)})
    return {
        split: exam.score({row["id"]: row["letters"] for row in cached.predictions(split)}, questions)
        for split, questions in asked.items()
    }


def score(questions: list[Any], answers: list[exam.Prediction]) -> exam.Scores:
    """Score the answers to `questions`."""
    return exam.score({answer.id: answer.letters for answer in answers}, questions)
