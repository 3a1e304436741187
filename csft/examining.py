"""How a trial takes its exams: the tuned model each time, the untrained one once for all trials on it."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
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

    from csft.model.together import Together


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
    paper = _paper(job, tokenizer, split, questions)
    _begin(job, split, place, len(questions))
    batches = _stream(net, tokenizer, paper, _kept(job, split, place))
    with numbers(place.update if place else job.updates):
        return exam.in_order(questions, map(partial(_show, job, split, place, _by_id(questions)), batches))


@dataclass
class Sitter:
    """Who sits an exam with others: its trial, when, and, in the end, its answers or what ended its exam."""

    job: Job
    place: OnTheWay | None = None
    answers: list[exam.Prediction] = field(default_factory=list)
    error: Exception | None = None


def exam_key(job: Job) -> str:
    """Trials of equal keys, on one base, can be asked together where they have the same questions."""
    settings, how = job.config.exam, asking(job.config, tuned=True)
    sizes = [settings.batch_tokens, settings.batch_rows, job.watch.rounds]
    return hash_value([asdict(how), job.config.data.template, job.tokenizer, job.device, sizes])


def ask_together(
    together: "Together",
    sitters: Mapping[int, Sitter],
    tokenizer: "PreTrainedTokenizerBase",
    split: str,
    questions: list[Any],
) -> None:
    """Put a split's questions to several tuned nets as `ask` does, each the member of that number.

    Their trials' `exam_key`s are equal. A sitter is left with its answers in the order of the questions, or
    with what ended its exam, DivergedError or whatever its watch raised, while the others go on. Raised is
    what concerns all, such as a request to stop; answers are kept by then.
    """
    from csft.model.joint import Joint

    one = next(iter(sitters.values())).job
    takers: exam.Takers = {
        member: _kept(sitter.job, split, sitter.place) for member, sitter in sitters.items()
    }
    by_id = _by_id(questions)
    paper = _paper(one, tokenizer, split, questions)
    for sitter in sitters.values():
        _begin(sitter.job, split, sitter.place, len(questions))
    for answered in exam.stream_together(Joint(together), takers, tokenizer, paper):
        heed()
        for member, batch in answered.items():
            sitter = sitters[member]
            try:
                with numbers(sitter.place.update if sitter.place else sitter.job.updates):
                    if isinstance(batch, NotNumbersError):
                        raise batch
                sitter.answers += _show(sitter.job, split, sitter.place, by_id, batch)
            except Exception as error:
                sitter.error = error
                takers.pop(member, None)
    for sitter in sitters.values():
        if sitter.error is None:
            sitter.answers = exam.in_order(questions, [sitter.answers])


@contextmanager
def numbers(update: int) -> Iterator[None]:
    """Take what a tuned net answers that is no number for what it is: training that diverged unseen."""
    try:
        yield
    except NotNumbersError as error:
        raise DivergedError("result of an exam", math.nan, update, None) from error


def _kept(job: Job, split: str, place: OnTheWay | None) -> exam.KeptAnswers:
    name, after = (f"{split}-{place.update:08d}", [place.update]) if place else (split, [])
    path = job.folder.path / f"answers-{name}.jsonl"
    return exam.KeptAnswers(path, hash_value([job.identity.hash, split, *after]))


def _begin(job: Job, split: str, place: OnTheWay | None, questions: int) -> None:
    """Tell who watches that an exam begins."""
    if split == OBJECTIVE_SPLIT:
        job.watch.asked(place.number if place else None, questions)


def _by_id(questions: list[Any]) -> dict[int, Any]:
    return {question.id: question for question in questions}


def _show(
    job: Job,
    split: str,
    place: OnTheWay | None,
    asked: Mapping[int, Any],
    batch: list[exam.Prediction],
) -> list[exam.Prediction]:
    """A batch, shown to who watches with the questions it answers."""
    if split == OBJECTIVE_SPLIT:
        job.watch.answered(place.number if place else None, [asked[answer.id] for answer in batch], batch)
    return batch


def _paper(
    job: Job,
    tokenizer: "PreTrainedTokenizerBase",
    split: str,
    questions: list[Any],
    *,
    tuned: bool = True,
) -> exam.Paper:
    """A split's questions as a model is asked; in rounds, each a fair part of the exam, if it is watched."""
    settings, template, how = job.config.exam, job.config.data.template, asking(job.config, tuned)
    return exam.Paper(
        questions,
        wrap(tokenizer, template, how.format),
        how,
        shots_from=job.splits.get("val", ()),
        batch_tokens=settings.batch_tokens,
        batch_rows=settings.batch_rows,
        rounds=job.watch.rounds if tuned and split == OBJECTIVE_SPLIT else 1,
        keep_prompts=job.where.cache / "questions",
        prompts_key=hash_value([job.tokenizer, template, how.format, code_hash()]),
    )


def _stream(
    net: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    paper: exam.Paper,
    kept: exam.KeptAnswers,
) -> Iterator[list[exam.Prediction]]:
    """The answers batch by batch, until someone asks to stop."""
    for batch in exam.stream_paper(net, tokenizer, paper, kept):
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
                    paper = _paper(job, tokenizer, split, questions, tuned=False)
                    batches = _stream(net, tokenizer, paper, kept)
                    cached.write_predictions(split, predictions(questions, exam.in_order(questions, batches)))
                    kept.remove()
                cached.finish({"splits": list(asked)})
    return {split: {row["id"]: row["letters"] for row in cached.predictions(split)} for split in asked}


def score(questions: list[Any], answers: list[exam.Prediction]) -> exam.Scores:
    """Score the answers to `questions`."""
    return exam.score({answer.id: answer.letters for answer in answers}, questions)
