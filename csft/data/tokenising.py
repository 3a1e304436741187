"""Screened records to the arrays of a token store, a row group of their Parquet file at a time."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from csft.data.alpaca import Alpaca
from csft.data.cuts import Array
from csft.data.encoders import encoder
from csft.data.marks import options_begin, statement_begins
from csft.data.template import Template, Turn, encode_texts, turns

_HAN = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Part:
    """Arrays of neighbouring records, as in `csft.data.store` but for what counts within the part.

    `lengths` are those of the pieces; `first` counts the part's turns, `system` its `systems`.
    """

    arrays: dict[str, Array]
    lengths: Array
    systems: list[str]


class Tokeniser:
    """A tokenizer and a template's marker text, made ready once for any number of datasets."""

    def __init__(self, tokenizer: Any, template: Template) -> None:
        known = tokenizer.get_vocab().values()
        vocabulary = max(known) + 1
        self.template, self.encoder = template, encoder(tokenizer)
        self.token_dtype = "<u2" if vocabulary <= 1 << 16 else "<u4"
        self._closes = np.zeros(vocabulary, bool)
        self._closes[[token for token in known if _closes(tokenizer.decode([token]))]] = True
        self._after = len(encode_texts(tokenizer, [template.user[1]])[0])

    def part(self, records: Sequence[Alpaca]) -> Part:
        """Tokenise records that stand in a row, the turns that a dialogue's records share once."""
        fresh: list[Turn] = []
        first, count = [], []
        before: list[Turn] = []
        for record in records:
            spoken = turns(record)
            shared = len(before) if spoken[: len(before)] == before else 0
            fresh += spoken[shared:]
            first.append(len(fresh) - len(spoken))
            count.append(len(spoken))
            before = spoken
        systems = {text: row for row, text in enumerate(dict.fromkeys(r.system for r in records if r.system))}
        texts = list(chain.from_iterable((q.join(self.template.user), answer) for q, answer in fresh))
        tokens, lengths = self.encoder.encode(texts)
        arrays = {
            "tokens": tokens,
            "first": np.array(first, np.int64),
            "turns": np.array(count, np.int32),
            "system": np.array([systems.get(record.system, -1) for record in records], np.int32),
            "chinese": np.fromiter(map(_chinese, records), np.bool_, len(records)),
            "closing": self._closing(tokens, lengths),
            **self._marked(fresh),
        }
        return Part(arrays, lengths, list(systems))

    def _closing(self, tokens: Array, lengths: Array) -> Array:
        """How many tokens at each answer's end are punctuation or blanks alone, at most 255."""
        ends, room = np.cumsum(lengths)[1::2], lengths[1::2]
        closing = np.zeros(len(ends), np.uint8)
        running = np.arange(len(ends))
        for back in range(1, 256):
            running = running[room[running] >= back]
            running = running[self._closes[tokens[ends[running] - back]]]
            if not len(running):
                break
            closing[running] = back
        return closing

    def _marked(self, spoken: Sequence[Turn]) -> dict[str, Array]:
        """Tokens of the options and of the statement; a statement counts only where there are options."""
        options, statements = [], []
        opening = len(self.template.user[0])
        for turn, (question, answer) in enumerate(spoken):
            if (begins := options_begin(question)) is not None:
                options.append((turn, question.join(self.template.user), opening + begins))
                if (states := statement_begins(answer)) is not None:
                    statements.append((turn, answer, states))
        return {
            "options": self._tails(options, len(spoken), self._after),
            "statement": self._tails(statements, len(spoken), 0),
        }

    def _tails(self, marked: Sequence[tuple[int, str, int]], turns: int, after: int) -> Array:
        """Per turn the tokens from the marked character on, less those `after` the piece; 0 if unmarked."""
        tails = np.zeros(turns, np.int64)
        numbers = [turn for turn, _, _ in marked]
        tails[numbers] = self.encoder.tails([(text, at) for _, text, at in marked]) - after
        return np.minimum(tails, np.iinfo(np.uint16).max).astype(np.uint16)


def _chinese(record: Alpaca) -> bool:
    return bool(_HAN.search(record.instruction) or _HAN.search(record.input))


def _closes(text: str) -> bool:
    return all(unicodedata.category(char)[0] in "PZC" for char in text)
