"""Where text may be cut so that the tokens of the parts are the tokens of the whole.

In byte-pair encoding over a text as a whole, as InternLM2's, two neighbouring characters end up in one token
only if a merge (left, right) has a `left` that ends with the first and a `right` that begins with the second.
Where no merge does, each side goes through the merges it would go through with the other side beside it, in
the same order. InternLM2's 165,000 merges join 24,000 pairs of characters: segments have 3 or 4 on average.

    您好，可以吃药 -> 您好 | ， | 可以 | 吃药

Marker words (`<|im_end|>`) are taken out first, as the tokenizer does.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SEPARATOR = "\0"  # stands between texts that are worked on together; no merge and no marker word holds it
CODES = 0x110000  # Unicode code points
_BYTES = frozenset(f"<0x{value:02X}>" for value in range(256))


class Cuts:
    """The places where one tokenizer's text may be cut; made by `cuts`, which knows where this holds."""

    def __init__(
        self, merges: Iterable[tuple[str, str]], replaced: Mapping[str, str], markers: Iterable[str]
    ) -> None:
        """`replaced` gives the character that the tokenizer's normalizer puts in another's place."""
        pairs = {(left[-1], right[0]) for left, right in merges}
        self._left, self._right = _classes(a for a, _ in pairs), _classes(b for _, b in pairs)
        self._joined = np.zeros((self._left.max() + 1, self._right.max() + 1), bool)
        for a, b in pairs:
            self._joined[self._left[ord(a)], self._right[ord(b)]] = True
        for raw, normal in replaced.items():
            for classes in (self._left, self._right):
                classes[ord(raw)] = classes[ord(normal)]
        words = sorted(markers, key=len, reverse=True)  # the longest, where several begin at one place
        self._markers = re.compile("|".join(map(re.escape, words)) or r"(?!)")
        self._letters = frozenset("".join(words))

    def allow(self, text: str, at: int) -> bool:
        """Whether no token holds characters on both sides of `at`. Marker words are not looked at."""
        return at == 0 or not self._joined[self._left[ord(text[at - 1])], self._right[ord(text[at])]]

    def starts(self, text: str, codes: Array) -> Array:
        """Where the segments of a text begin that ends with a separator; `codes` are its code points."""
        joined = self._joined[self._left[codes[:-1]], self._right[codes[1:]]]
        spans = np.array([marker.span() for marker in self._markers.finditer(text)], np.int64).reshape(-1, 2)
        begins, ends = spans.T
        for inside in range(int((ends - begins).max(initial=1)) - 1):
            joined[(begins + inside)[begins + inside < ends - 1]] = True
        joined[begins[begins > 0] - 1] = False  # by itself it is a segment that is known
        joined[ends - 1] = False
        return np.concatenate([[0], np.flatnonzero(~joined) + 1])

    def windows(self, text: str, size: int) -> Iterator[str]:
        """Parts of up to `size` characters; the rest in one where there is no place for a cut."""
        start = 0
        while len(text) - start > size:
            places = range(start + size, start, -1)
            end = next(
                (at for at in places if text[at - 1] not in self._letters and self.allow(text, at)), None
            )
            if end is None:
                break
            yield text[start:end]
            start = end
        yield text[start:] if start else text


def cuts(backend: Any) -> Cuts | None:
    """The cuts of a fast tokenizer that is byte-pair encoding over the text as a whole; None for any other.

    Others split into words first, normalise by more than replacing single characters, drop out merges, or
    let bytes or unknown characters flow together.
    """
    settings = json.loads(backend.to_str())
    model, replaced = settings["model"], _replaced(settings["normalizer"])
    odd = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges")
    if model["type"] != "BPE" or any(model.get(name) for name in odd) or not model.get("byte_fallback"):
        return None
    if settings["pre_tokenizer"] or replaced is None or getattr(backend, "encode_special_tokens", False):
        return None
    merges = [(left, right) for left, right in map(_pair, model["merges"])]
    pieces = frozenset(chain.from_iterable(merges))
    flags = ("single_word", "lstrip", "rstrip", "normalized")
    markers = [token["content"] for token in settings["added_tokens"]]
    if any(token[flag] for token in settings["added_tokens"] for flag in flags):
        return None
    if not model["vocab"].keys() >= _BYTES or pieces & _BYTES:
        return None
    if any(SEPARATOR in text for text in chain(pieces, markers, replaced)):
        return None
    return Cuts(merges, replaced, markers)


def _pair(merge: Any) -> tuple[str, str]:
    """A merge as tokenizers has written them over time: a list of two, or one text with a blank."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return left, right


def _replaced(normalizer: Any) -> dict[str, str] | None:
    """Characters that a normalizer replaces by others; None if it does anything else."""
    steps = normalizer["normalizers"] if normalizer and normalizer["type"] == "Sequence" else [normalizer]
    replaced: dict[str, str] = {}
    for step in filter(None, steps):
        pattern = step["pattern"].get("String", "") if step["type"] == "Replace" else ""
        if len(pattern) != 1 or len(step["content"]) != 1:
            return None
        replaced = {raw: step["content"] if new == pattern else new for raw, new in replaced.items()}
        replaced.setdefault(pattern, step["content"])
    return replaced


def _classes(characters: Iterable[str]) -> Array:
    """A number from 1 for each of the characters, by code point; 0 for all others."""
    classes = np.zeros(CODES, np.uint16)
    known = sorted(set(characters))
    classes[[ord(character) for character in known]] = np.arange(1, len(known) + 1)
    return classes
