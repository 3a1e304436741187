"""Answers in words: the most likely token, again and again, as CMB's own runner asks for them.

The text is that of a plain greedy `generate`. What makes it quick:
- rows that have ended leave the batch;
- what a tuned model is expected to write is drafted (`答案是`, and after a letter `。` and the end): a draft
  is read together with what is before it, kept as far as the model would have written it, and forgotten from
  there on (speculative decoding with a fixed guess, Leviathan et al. 2023); it decides nothing;
- a text whose answer CMB's extraction can no longer change is not written on (`Stop.decided`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from csft.cmb import Question
from csft.errors import ExamError
from csft.exam.careful import LETTERS
from csft.exam.logits import check_numbers, pad_id
from csft.exam.tokens import answer_ids, prefix_ids
from csft.rows import Begun, Rows

TURN_END = "<|im_end|>"
# Pieces with which a sentence or line ends: only then can a text have become decided.
_ENDS = ("。", ".", "\n", "：")


@dataclass(frozen=True)
class Stop:
    """What ends a text: a token of `ids`, `tokens` of them, the words `before`, or that it is `decided`."""

    ids: tuple[int, ...]
    tokens: int
    before: str = ""  # these words and what follows them are not the model's answer
    decided: Callable[[str], bool] | None = None


@dataclass
class _Writing:
    row: int
    ids: list[int] = field(default_factory=list)
    done: bool = False


class Writer:
    """Writes greedy answers with one net; knows how this tokenizer writes what is expected."""

    def __init__(self, net: Any, tokenizer: Any, stop: Stop) -> None:
        self.net, self.tokenizer, self.stop = net, tokenizer, stop
        self._drafts = _drafts(tokenizer, stop.ids[0])
        self._ends: dict[int, bool] = {}

    def write(self, questions: Sequence[Question], asked: Begun) -> list[str]:
        """The model's reply to each question's prompt, without what ends it."""
        texts = [_Writing(row) for row in range(len(questions))]
        drafts = [self._draft(text) for text in texts]
        waiting = [[*ids, *draft] for ids, draft in zip(asked.prompts, drafts, strict=True)]
        rows = Rows(self.net, asked._replace(prompts=waiting), True, pad_id(self.tokenizer))
        going, fed = texts, rows.start(1 + max(map(len, drafts)))
        while True:
            best_BN = self._best(fed, [questions[text.row] for text in going])
            wrong = [self._accept(*one) for one in zip(going, drafts, best_BN, strict=True)]
            rows.forget(wrong)
            on = [place for place, text in enumerate(going) if not text.done]
            if not on:
                return [self._text(text.ids) for text in texts]
            if len(on) < len(going):
                rows.select(on)
                going = [going[place] for place in on]
            drafts = [self._draft(text) for text in going]
            fed = rows.feed([[text.ids[-1], *draft] for text, draft in zip(going, drafts, strict=True)])

    def _best(self, logits_BNV: Any, questions: Sequence[Question]) -> list[list[int]]:
        highest_BN, best_BN = logits_BNV.max(-1)  # NaN is the highest of all
        check_numbers(highest_BN.isnan().any(-1).tolist(), questions)
        best: list[list[int]] = best_BN.tolist()
        return best

    def _draft(self, text: _Writing) -> Sequence[int]:
        return self._drafts.get(tuple(text.ids), ()) if len(text.ids) <= len(self._drafts[()]) + 1 else ()

    def _accept(self, text: _Writing, draft: Sequence[int], best_N: Sequence[int]) -> int:
        """Take the draft as far as the model agrees and its next token; how many drafted ones were wrong."""
        found = best_N[len(best_N) - len(draft) - 1 :]  # after the token before the draft, and each of it
        right = 0
        while right < len(draft) and draft[right] == found[right]:
            right += 1
        for token in (*draft[:right], found[right]):
            text.ids.append(token)
            if self._over(text.ids):
                text.done = True
                break
        return len(draft) - right

    def _over(self, ids: list[int]) -> bool:
        if ids[-1] in self.stop.ids or len(ids) >= self.stop.tokens:
            return True
        if not (self.stop.before or self.stop.decided) or not self._ends_a_part(ids[-1]):
            return False
        text = self._decoded(ids)
        ended = bool(self.stop.before) and self.stop.before in text
        return ended or (self.stop.decided is not None and self.stop.decided(text))

    def _ends_a_part(self, token: int) -> bool:
        if token not in self._ends:
            piece = self.tokenizer.decode([token])
            self._ends[token] = any(end in piece for end in _ENDS)
        return self._ends[token]

    def _text(self, ids: list[int]) -> str:
        end = next((place for place, token in enumerate(ids) if token in self.stop.ids), len(ids))
        text = self._decoded(ids[:end])
        return text.partition(self.stop.before)[0] if self.stop.before else text

    def _decoded(self, ids: list[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))


def stop_ids(net: Any, tokenizer: Any) -> list[int]:
    """What ends an answer: `</s>`, `<|im_end|>` where the tokenizer has it, and the model's own list."""
    stops = [tokenizer.eos_token_id, tokenizer.get_vocab().get(TURN_END)]
    own = getattr(getattr(net, "generation_config", None), "eos_token_id", None)
    stops += own if isinstance(own, list) else [own]
    return list(dict.fromkeys(int(stop) for stop in stops if stop is not None))


def _drafts(tokenizer: Any, end: int) -> dict[tuple[int, ...], tuple[int, ...]]:
    """What to expect after what was written: the prefix, and behind each single letter the rest."""
    prefix = tuple(prefix_ids(tokenizer))
    try:
        answers = [answer_ids(tokenizer, letter) for letter in LETTERS]
    except ExamError:  # the prefix is not kept apart: nothing is drafted, and nothing else changes
        return {(): ()}
    return {(): prefix} | {(*prefix, first): (*rest, end) for first, *rest in answers}
