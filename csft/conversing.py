"""How a trial's model talks: measured on held-out dialogues, after training and once before it.

loss     of every answer of a dialogue, each after its question and the turns before, in the chat template
manner   of answers sampled to some of its questions, beside the dataset's own
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from csft import chat, data, track, train
from csft.console import say
from csft.errors import NotNumbersError
from csft.files import hash_value
from csft.filling import at_once, within
from csft.identity import chat_key
from csft.job import Job
from csft.one_of_many import one_of_many
from csft.result import ALL

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from csft.model.together import Together

# Tokens of a dialogue whatever the trial's cut-off; a longer one loses its earliest turns.
LONGEST = 2048
_POLICY = "keep_end"
Talk = dict[str, chat.Figures]  # by dataset, and ALL


@dataclass(frozen=True)
class _Asked:
    """A held-out question as the model gets it, and what the dataset answers."""

    dataset: str
    question: str
    reference: str
    prompt: list[int]
    reference_ids: list[int]


Losses = dict[str, tuple[float, int]]  # by dataset: nats a token, and how many tokens
Pair = tuple[_Asked, chat.Sampled]
Conversation = tuple[Talk, list[dict[str, Any]]]  # and one plain row per sampled answer


def converse(job: Job, net: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> Conversation:
    """How a net talks. Both parts empty where no dialogue is held out.

    NotNumbersError for a loss that is not a number.
    """
    if not job.held_out.dialogues:
        return {}, []
    losses, asked = _losses(job, net, tokenizer), _all_asked(job, tokenizer)
    answers = chat.sample(net, [one.prompt for one in asked], _drawing(job, tokenizer))
    return _conversation(job, tokenizer, losses, list(zip(asked, answers, strict=True)))


def talk_key(job: Job) -> str:
    """Trials of equal keys, on one base, talk of the same and can do so together."""
    config = job.config
    parts = [asdict(config.chat), config.data.template, config.exam.batch_tokens, job.device, job.tokenizer]
    return hash_value([*parts, job.held_out.hash])


def converse_together(
    together: "Together",
    talkers: Mapping[int, tuple[Job, "PreTrainedModel"]],
    tokenizer: "PreTrainedTokenizerBase",
) -> dict[int, Conversation | NotNumbersError]:
    """How several nets talk, the members of `together` by these numbers, whose trials' `talk_key`s are equal.

    As `converse` has it for each, or its error. Answers are sampled together, which are many short steps;
    losses are measured one after another, which takes no longer.
    """
    from csft.model.joint import Joint

    job = next(one for one, _ in talkers.values())
    if not job.held_out.dialogues:
        return {member: ({}, []) for member in talkers}
    losses: dict[int, Losses] = {}
    found: dict[int, Conversation | NotNumbersError] = {}
    for member, (own, net) in talkers.items():
        try:
            losses[member] = _losses(own, net, tokenizer)
        except NotNumbersError as error:
            found[member] = error
    asked = _all_asked(job, tokenizer)
    prompts = [one.prompt for one in asked]
    answers = chat.sample_together(Joint(together), list(losses), prompts, _drawing(job, tokenizer))
    for member, own_answers in answers.items():
        pairs = list(zip(asked, own_answers, strict=True))
        found[member] = _conversation(job, tokenizer, losses[member], pairs)
    return found


def _conversation(job: Job, tokenizer: Any, losses: Losses, pairs: list[Pair]) -> Conversation:
    held_out, limit = job.held_out, job.config.chat.max_new_tokens
    tokens = sum(count for _, count in losses.values())
    loss = math.fsum(mean * count for mean, count in losses.values()) / tokens
    talk = {ALL: _figures(loss, tokens, held_out.dialogues, pairs, limit)}
    for name, (mean, count) in losses.items():
        own = [pair for pair in pairs if pair[0].dataset == name]
        talk[name] = _figures(mean, count, held_out.of(name), own, limit)
    return talk, [_row(tokenizer, *pair) for pair in pairs]


def base_talk(job: Job, net: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> Talk:
    """Figures of the untrained model, once for all trials on this base and these dialogues."""
    if not job.held_out.dialogues:
        return {}
    key = chat_key(job.config, job.where, job.device, job.held_out)
    cached = track.RunFolder.open(job.where.bases / f"chat-{key[:32]}")
    stored = cached.result()
    if stored is None:
        with one_of_many(cached.path, "conversation of the untrained model"):
            stored = cached.result()
            if stored is None:
                say("conversation of the untrained model (kept for later trials)")
                talk, rows = converse(job, net, tokenizer)
                cached.write_chat(rows)
                stored = {name: asdict(figures) for name, figures in talk.items()}
                cached.finish(stored)
    return {name: chat.Figures(**figures) for name, figures in stored.items()}


def _losses(job: Job, net: Any, tokenizer: Any) -> Losses:
    return {name: _loss(job, net, tokenizer, job.held_out.of(name)) for name in job.held_out.datasets}


def _loss(job: Job, net: Any, tokenizer: Any, dialogues: Sequence[data.Dialogue]) -> tuple[float, int]:
    """Mean natural-log loss per token of the answers and of what ends them, and how many these are."""
    template, attention = job.config.data.template, net.config._attn_implementation
    rows = _Rows(
        [data.encode(one.records[-1], tokenizer, template, LONGEST, policy=_POLICY) for one in dialogues]
    )
    most = at_once(job.config.exam.batch_tokens, net.device)
    plan = [[[[row] for row in batch]] for batch in within(most, rows.lengths)]

    def collate(records: Any) -> dict[str, Any]:
        return data.collate(records, tokenizer.pad_token_id, False, attention)

    loss = train.validation_loss(net, rows, plan, collate)
    if not math.isfinite(loss):
        raise NotNumbersError(
            f"The loss on the held-out dialogues of {dialogues[0].dataset} is {loss}: the model's weights or "
            "its precision are broken. Lower lr, or set chat.dialogues=0 to do without."
        )
    return loss, rows.answer_tokens


class _Rows:
    """Dialogues as training takes its rows: token ids and labels."""

    def __init__(self, pairs: Sequence[tuple[list[int], list[int]]]) -> None:
        self._pairs, self.lengths = pairs, [len(ids) for ids, _ in pairs]
        self.answer_tokens = sum(label != data.IGNORED for _, labels in pairs for label in labels[1:])

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, at: int) -> dict[str, list[int]]:
        ids, labels = self._pairs[at]
        return {"input_ids": ids, "labels": labels}


def _all_asked(job: Job, tokenizer: Any) -> list[_Asked]:
    held_out = job.held_out
    return [one for name in held_out.datasets for one in _asked(job, tokenizer, held_out.of(name))]


def _asked(job: Job, tokenizer: Any, dialogues: Sequence[data.Dialogue]) -> list[_Asked]:
    """`chat.answers` questions of a dataset's dialogues, chosen by a hash; a larger number adds to them."""
    turns = [(one, length) for one in dialogues for length in one.lengths]
    turns.sort(key=lambda turn: hash_value([turn[0].rank, turn[1]]))
    return [_question(job, tokenizer, *turn) for turn in turns[: job.config.chat.answers]]


def _question(job: Job, tokenizer: Any, dialogue: data.Dialogue, length: int) -> _Asked:
    """A dialogue up to a question; the prompt ends where the model's turn begins."""
    record = dialogue.until(length)
    ids, labels = data.encode(
        record, tokenizer, job.config.data.template, LONGEST, mask_history=True, policy=_POLICY
    )
    begin = next(at for at, label in enumerate(labels) if label != data.IGNORED)
    reference = tokenizer(record.output, add_special_tokens=False)["input_ids"]
    return _Asked(dialogue.dataset, record.instruction, record.output, ids[:begin], reference)


def _drawing(job: Job, tokenizer: Any) -> chat.Drawing:
    """The limits; an answer ends with the end of text, or the marker that ends a turn."""
    turn_end = data.TEMPLATES[job.config.data.template].markers[-1]
    stops = sorted({tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids(turn_end)})
    tokens = job.config.exam.batch_tokens
    return chat.Drawing(stops, tokenizer.pad_token_id, job.config.chat.max_new_tokens, tokens)


def _figures(
    loss: float,
    tokens: int,
    dialogues: Sequence[data.Dialogue],
    pairs: Sequence[Pair],
    limit: int,
) -> chat.Figures:
    answers, references = [answer for _, answer in pairs], [asked.reference_ids for asked, _ in pairs]
    return chat.figures(loss, tokens, len(dialogues), answers=answers, references=references, limit=limit)


def _row(tokenizer: Any, asked: _Asked, answer: chat.Sampled) -> dict[str, Any]:
    return {
        "dataset": asked.dataset,
        "question": asked.question,
        "reference": asked.reference,
        "answer": tokenizer.decode(answer.ids, skip_special_tokens=True),
        "tokens": len(answer.ids),
        "finished": answer.finished,
        "repetition": round(chat.repetition(answer.ids), 5),
    }
