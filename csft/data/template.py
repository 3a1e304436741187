"""Chat templates: the marker text around questions and answers, bound to a tokenizer as token ids.

Both generations of LLaMA-Factory's `intern2` are here (FACTS: the paper's July 2024 one had no default
system text and closed answers with `</s>`; today's has a long system text and closes with `<|im_end|>`).
Marker words inside a record's own text become marker tokens, as they do in LLaMA-Factory.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from csft.errors import ModelError, SettingError

if TYPE_CHECKING:
    from csft.data.alpaca import Alpaca

Turn = tuple[str, str]  # question, answer

_TODAYS_SYSTEM = (
    "You are an AI assistant whose name is InternLM (书生·浦语).\n"
    "- InternLM (书生·浦语) is a conversational language model that is developed by Shanghai AI Laboratory "
    "(上海人工智能实验室). It is designed to be helpful, honest, and harmless.\n"
    "- InternLM (书生·浦语) can understand and communicate fluently in the language chosen by the user "
    "such as English and 中文."
)


@dataclass(frozen=True)
class Template:
    """Text put before and after each piece of a conversation.

    `between` opens every turn but the first; `answer_end` closes every answer and is trained on.
    With `eos_closes` the end-of-text token closes the record and is the label of `between`'s first token.
    """

    user: tuple[str, str] = ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n")
    system: tuple[str, str] = ("<|im_start|>system\n", "<|im_end|>\n")
    markers: tuple[str, ...] = ("<|im_start|>", "<|im_end|>")
    default_system: str = ""
    between: str = ""
    answer_end: str = ""
    eos_closes: bool = False

    @property
    def blocks(self) -> tuple[str, ...]:
        """What decides the ids of stored text: templates with equal blocks share one token store."""
        return (*self.user, *self.system)


TEMPLATES = {
    "intern2": Template(between="<|im_end|>\n", eos_closes=True),
    "intern2_2025": Template(default_system=_TODAYS_SYSTEM, answer_end="<|im_end|>\n"),
}


@dataclass(frozen=True)
class Frame:
    """A template as token ids. `question_head` and `_tail` count those around a question's own text."""

    bos: list[int]
    default_system: list[int]
    between: list[int]
    answer_end: list[int]
    close: list[int]
    question_head: int
    question_tail: int
    blocks: tuple[str, ...] = field(repr=False)

    def opening(self, own_system: Sequence[int] | None) -> list[int]:
        """What stands before the first question."""
        return [*self.bos, *(self.default_system if own_system is None else own_system)]


def find(name: str) -> Template:
    """The template of that name; SettingError otherwise."""
    if name not in TEMPLATES:
        raise SettingError("template", name, ", ".join(TEMPLATES))
    return TEMPLATES[name]


def bind(name: str, tokenizer: Any) -> Frame:
    """Encode a template's fixed text once; ModelError if a marker is not one token of this tokenizer."""
    template = find(name)
    for marker, ids in zip(template.markers, encode_texts(tokenizer, template.markers), strict=True):
        if len(ids) != 1:
            raise ModelError(
                f"template={name} needs {marker} to be one token, but this tokenizer makes {len(ids)} of it "
                f"({ids}). Use the tokenizer of an InternLM2 checkpoint, with its tokenizer_config.json."
            )
    if tokenizer.bos_token_id is None or tokenizer.eos_token_id is None:
        raise ModelError(f"template={name} needs a tokenizer with bos and eos tokens; this one lacks them.")
    system, between, end, head, tail = encode_texts(
        tokenizer,
        [
            template.default_system.join(template.system) if template.default_system else "",
            template.between,
            template.answer_end,
            *template.user,
        ],
    )
    close = [int(tokenizer.eos_token_id)] if template.eos_closes else []
    bos = [int(tokenizer.bos_token_id)]
    return Frame(bos, system, between, end, close, len(head), len(tail), template.blocks)


def encode_texts(tokenizer: Any, texts: Iterable[str]) -> list[list[int]]:
    """Token ids of each text on its own, no special tokens added. Uses all cores of a fast tokenizer."""
    texts = list(texts)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None or backend.truncation or backend.padding:
        return list(tokenizer(texts, add_special_tokens=False)["input_ids"]) if texts else []
    # 1.5 times as fast as the call above, which also builds masks and offsets
    return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]


def turns(record: "Alpaca") -> list[Turn]:
    """The record's conversation: history, then instruction and input (joined by a line break) and output."""
    question = "\n".join(part for part in (record.instruction, record.input) if part)
    return [*record.history, (question, record.output)]


def encode_turns(
    tokenizer: Any, template: Template, spoken: Sequence[Turn]
) -> list[tuple[list[int], list[int]]]:
    """Ids of each turn's user block (markers included) and of its bare answer."""
    texts = chain.from_iterable((question.join(template.user), answer) for question, answer in spoken)
    ids = encode_texts(tokenizer, texts)
    return list(zip(ids[::2], ids[1::2], strict=True))


def prompt_ids(
    tokenizer: Any, template: str, conversations: Sequence[tuple[Sequence[Turn], str]]
) -> list[list[int]]:
    """Ids of each (earlier turns, question) as a trained model expects it, to the assistant's marker."""
    form, frame = find(template), bind(template, tokenizer)
    opening = frame.opening(None)
    spoken = list(dict.fromkeys(turn for history, _ in conversations for turn in history))
    known = dict(zip(spoken, encode_turns(tokenizer, form, spoken), strict=True))
    asked = encode_texts(tokenizer, (question.join(form.user) for _, question in conversations))
    prompts = []
    for (history, _), block in zip(conversations, asked, strict=True):
        ids = list(opening)
        for question, answer in (known[turn] for turn in history):
            ids += [*question, *answer, *frame.answer_end, *frame.between]
        prompts.append(ids + block)
    return prompts
