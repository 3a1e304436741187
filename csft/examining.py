"""How a trial takes its exams: the tuned model each time, the untrained one once for all trials on it."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from csft import data, exam, track
from csft.config import Config
from csft.console import say
from csft.errors import DivergedError, NotNumbersError
from csft.files import hash_value
from csft.identity import base_key, code_hash
from csft.job import Job
from csft.one_of_many import one_of_many
from csft.result import OBJECTIVE_SPLIT, predictions
from csft.splits import Splits
from csft.stopping import heed

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


WHO = {"tuned": True, "untrained": False}


class OnTheWay(NamedTuple):
    """Which exam during training it is, from 1, and the updates done by then."""

    number: int
    update: int


def asking(config: Config, tuned: bool) -> exam.Asking:
    """How the tuned or the untrained model is asked: `exam.format=auto` asks an untrained one as a base."""
    settings = config.exam
    chosen = settings.format if settings.format != "auto" else ("template" if tuned else "base")
    return exam.Asking(
        settings.protocol, settings.prompt, chosen, settings.shots, settings.rule, settings.max_new_tokens
    )


def told(config: Config) -> str:
    """The protocol in a line, with what `auto` chose."""
    settings, template = config.exam, config.data.template
    form = {"template": f"in the template {template}", "own": "in its own chat format", "base": "as a base"}
    asked = ", ".join(f"{who} model {form[asking(config, tuned).format]}" for who, tuned in WHO.items())
    return f"{settings.protocol}, prompt {settings.prompt}, {settings.shots} examples; {asked}"


def wrap(tokenizer: "PreTrainedTokenizerBase", template: str, chosen: str) -> exam.Wrap:
    """What puts a chat format (`template`, `own` or `base`) around questions."""
    if chosen == "own":
        return exam.own_wrap(tokenizer)
    return exam.base_wrap(tokenizer) if chosen == "base" else partial(data.prompt_ids, tokenizer, template)


def forget(job: Job) -> None:
    """Drop answers kept by an attempt: the exam is over, or the net is not the one that gave them."""
    for path in job.folder.path.glob("answers-*.jsonl"):
        path.unlink()


def ask(
    job: Job,
    net: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    split: str,
    questions: list[Any],
    *,
    place: OnTheWay | None = None,
) -> list[exam.Prediction]:
    """Put a split's questions to the tuned net, in the order given; a killed exam goes on where it was.

    `place` is None for the exam after training. Raises DivergedError where training left a net that gives no
    numbers.
    """
    name, after = (f"{split}-{place.update:08d}", [place.update]) if place else (split, [])
    kept = exam.KeptAnswers(
        job.folder.path / f"answers-{name}.jsonl", hash_value([job.identity.hash, split, *after])
    )
    how = asking(job.config, tuned=True)
    watched = split == OBJECTIVE_SPLIT
    batches = stream(
        job, net, tokenizer, questions, how, kept=kept, rounds=job.watch.rounds if watched else 1
    )
    if watched:
        batches = _shown(job, batches, questions, place.number if place else None)
    with numbers(place.update if place else job.updates):
        return exam.in_order(questions, batches)


@contextmanager
def numbers(update: int) -> Iterator[None]:
    """Take what a tuned net answers that is no number for what it is: training that diverged unseen."""
    try:
        yield
    except NotNumbersError as error:
        raise DivergedError("result of an exam", math.nan, update, None) from error


def _shown(
    job: Job, batches: Iterable[list[exam.Prediction]], questions: list[Any], rung: int | None
) -> Iterator[list[exam.Prediction]]:
    """The batches, each shown to who watches with the questions it answers."""
    asked = {question.id: question for question in questions}
    for batch in batches:
        job.watch.answered(rung, [asked[answer.id] for answer in batch], batch)
        yield batch


def stream(
    job: Job,
    net: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    questions: list[Any],
    how: exam.Asking,
    *,
    kept: exam.KeptAnswers | None = None,
    rounds: int = 1,
) -> Iterator[list[exam.Prediction]]:
    """The answers batch by batch; in several `rounds`, each of them a fair sample of the exam."""
    settings, template = job.config.exam, job.config.data.template
    for batch in exam.stream(
        net,
        tokenizer,
        questions,
        wrap(tokenizer, template, how.format),
        how,
        shots_from=job.splits.get("val", ()),
        batch_tokens=settings.batch_tokens,
        batch_rows=settings.batch_rows,
        rounds=rounds,
        kept=kept,
        keep_prompts=job.where.cache / "questions",
        prompts_key=hash_value([job.tokenizer, template, how.format, code_hash()]),
    ):
        heed()
        yield batch


def base_letters(
    job: Job, net: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", asked: Splits
) -> dict[str, dict[int, str]]:
    """What the untrained model answers, by split and id; asked once for all trials on this base and exam."""
    how = asking(job.config, tuned=False)
    shown = {"shots": job.splits["val"]} if how.shots and "val" in job.splits else {}
    key = base_key(job.config, job.where, job.device, {**asked, **shown}, asdict(how))
    cached = track.RunFolder.open(job.where.bases / key[:32])
    if cached.result() is None:
        with one_of_many(cached.path, "exam of the untrained model"):
            if cached.result() is None:
                say("exam of the untrained model (kept for later trials)")
                for split, questions in asked.items():
                    kept = exam.KeptAnswers(cached.path / f"answers-{split}.jsonl", key)
                    batches = stream(job, net, tokenizer, questions, how, kept=kept)
                    cached.write_predictions(split, predictions(questions, exam.in_order(questions, batches)))
                    kept.remove()
                cached.finish({"splits": list(asked)})
    return {split: {row["id"]: row["letters"] for row in cached.predictions(split)} for split in asked}


def score(questions: list[Any], answers: list[exam.Prediction]) -> exam.Scores:
    """Score the answers to `questions`."""
    return exam.score({answer.id: answer.letters for answer in answers}, questions)
