"""Many texts to token ids in flat arrays, in the fastest way that holds for a tokenizer."""

from collections.abc import Sequence
from itertools import chain
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np

from csft.data.cuts import Array, cuts
from csft.data.segments import Segments
from csft.data.template import encode_texts
from csft.errors import DataError

_BATCH = 8192  # texts given to a tokenizer at once: what it returns takes some 100 bytes per token
_CHECKED = 50  # texts of a call whose ids are compared with the tokenizer's own


class Encoder(Protocol):
    """Gives the ids that the tokenizer gives each text by itself, without special tokens around it."""

    def encode(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """Ids of all texts in a row (uint32), and how many each has (int64)."""

    def tails(self, marked: Sequence[tuple[str, int]]) -> Array:
        """How many tokens each text has from the one on that holds the given character."""


def encoder(tokenizer: Any) -> Encoder:
    """The encoder of any tokenizer of transformers; picklable."""
    whole = Whole(tokenizer)
    allowed = cuts(whole.backend) if whole.backend else None
    return Cut(whole, Segments(whole.backend, allowed)) if allowed else whole


class Whole:
    """Asks the tokenizer for each text."""

    def __init__(self, tokenizer: Any) -> None:
        backend = getattr(tokenizer, "backend_tokenizer", None)
        self.backend = None if backend is None or backend.truncation or backend.padding else backend
        # a worker process need not spend seconds on importing transformers
        self._tokenizer = SimpleNamespace(backend_tokenizer=backend) if self.backend else tokenizer

    def encode(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """See `Encoder`."""
        arrays, lengths = [np.empty(0, np.uint32)], np.zeros(len(texts), np.int64)
        for start in range(0, len(texts), _BATCH):
            ids = encode_texts(self._tokenizer, texts[start : start + _BATCH])
            lengths[start : start + _BATCH] = [len(own) for own in ids]
            arrays.append(np.fromiter(chain.from_iterable(ids), np.uint32))
        return np.concatenate(arrays), lengths

    def tails(self, marked: Sequence[tuple[str, int]]) -> Array:
        """See `Encoder`. A tokenizer that cannot tell where its tokens stand is given the tail by itself."""
        if self.backend is None:
            return self.encode([text[at:] for text, at in marked])[1]
        encoded = self.backend.encode_batch([text for text, _ in marked], add_special_tokens=False)
        tails = [len(own.ids) - own.char_to_token(at) for own, (_, at) in zip(encoded, marked, strict=True)]
        return np.array(tails, np.int64)


class Cut:
    """Cuts texts into segments and compares samples with what the tokenizer gives."""

    def __init__(self, whole: Whole, segments: Segments) -> None:
        self._whole, self._segments = whole, segments

    def encode(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """See `Encoder`."""
        tokens, lengths = self._segments.encode(texts)
        ends = np.cumsum(lengths)
        for number in range(0, len(texts), len(texts) // _CHECKED + 1):
            text, mine = texts[number], tokens[ends[number] - lengths[number] : ends[number]]
            if len(text) < 10_000 and not np.array_equal(self._whole.encode([text])[0], mine):
                raise DataError(
                    f"csft would not give {text!r} the token ids that the tokenizer gives. This is a fault "
                    "of csft: please report it, with the tokenizer's name."
                )
        return tokens, lengths

    def tails(self, marked: Sequence[tuple[str, int]]) -> Array:
        """See `Encoder`. Where the tail may be cut off it is encoded by itself."""
        tails = self.encode([text[at:] for text, at in marked])[1]
        inside = [n for n, (text, at) in enumerate(marked) if not self._segments.cuts.allow(text, at)]
        tails[inside] = self._whole.tails([marked[n] for n in inside])
        return tails
