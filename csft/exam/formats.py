"""What stands around a question: the tokenizer's own chat format, or plain question and answer for a base.

The format a model was trained on here belongs to the data room; its wrapper has the same form.
"""

from collections.abc import Callable, Sequence
from typing import Any

from csft.errors import SettingError

Turn = tuple[str, str]  # user, assistant
Conversation = tuple[Sequence[Turn], str]  # examples, and the text that is to be answered
Wrap = Callable[[Sequence[Conversation]], list[list[int]]]
"""Conversations to token ids that end where the model's turn begins."""

# FreedomIntelligence/CMB, workers/mymodel.py: how models without chat markers are asked.
BASE_TEXT = "问：{question}\n答："
BASE_STOP = "\n问："  # a base goes on with a question of its own


def base_wrap(tokenizer: Any) -> Wrap:
    """No markers: the beginning-of-text token where there is one, examples, question."""

    def wrap(conversations: Sequence[Conversation]) -> list[list[int]]:
        texts = [_plain(*conversation) for conversation in conversations]
        opening = [] if tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]
        ids: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"] if texts else []
        return [[*opening, *one] for one in ids]

    return wrap


def own_wrap(tokenizer: Any) -> Wrap:
    """The chat template the tokenizer came with. Raises SettingError where it has none."""
    if not getattr(tokenizer, "chat_template", None):
        raise SettingError("exam.format", "own", "template or base: this tokenizer has no chat template")

    def wrap(conversations: Sequence[Conversation]) -> list[list[int]]:
        return [
            list(
                tokenizer.apply_chat_template(
                    _messages(*conversation), add_generation_prompt=True, tokenize=True, return_dict=False
                )
            )
            for conversation in conversations
        ]

    return wrap


def _plain(examples: Sequence[Turn], text: str) -> str:
    shown = "".join(f"{BASE_TEXT.format(question=user)}{answer}\n" for user, answer in examples)
    return shown + BASE_TEXT.format(question=text.rstrip("\n"))


def _messages(examples: Sequence[Turn], text: str) -> list[dict[str, str]]:
    turns = [
        {"role": role, "content": content}
        for pair in examples
        for role, content in zip(("user", "assistant"), pair, strict=True)
    ]
    return [*turns, {"role": "user", "content": text}]
