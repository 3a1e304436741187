"""Documents as rows of tokens in the intern2 chat format of July 2024, and rows as batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from csft.sample.pretrain.corpus import documents
from csft.sample.pretrain.document import Document, Kind, Parts
from csft.sample.pretrain.vocabulary import MARKERS
from csft.sample.questions import LETTERS

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = 2048
_SORTED_AT_ONCE = 512  # documents; batches of like length waste little on padding
IGNORE = -100
FAR = 1 << 30


@dataclass(frozen=True, slots=True)
class Row:
    """One document: tokens, what of them is learned, and how far each is seen."""

    ids: list[int]
    labels: list[int]  # the token itself, or IGNORE
    reach: list[int]  # the last place that sees the token
    recalled: dict[int, list[int]]  # place -> tokens put into the network there


class Encoder:
    """Documents to ids and labels in the intern2 chat format of July 2024."""

    def __init__(self, model_file: Path) -> None:
        import sentencepiece

        self.pieces = sentencepiece.SentencePieceProcessor(model_file=str(model_file))
        first = self.pieces.vocab_size() - len(MARKERS)
        marker = {name: first + place for place, name in enumerate(MARKERS)}
        self.start, self.end = marker["<|im_start|>"], marker["<|im_end|>"]

    def prompt(self, text: str) -> list[int]:
        """`<s>`, the user's block and the assistant's marker."""
        return self(Document(((text, Kind.GIVEN),), ())).ids[:-1]

    def letters(self) -> list[int]:
        """The ids of the option letters A to G."""
        return [self.pieces.encode(f"答案是{letter}。")[-2] for letter in LETTERS]

    def __call__(self, document: Document) -> Row:
        """The document as a row; the prompt is not labelled."""
        parts = document.parts
        row = Row([1], [IGNORE], [FAR], {})
        values = iter(document.recalled)
        if document.prompt is not None:
            user, line, assistant = self.pieces.encode(["user\n", "\n", "assistant\n"])
            self._given(row, [self.start, *user])
            self._parts(row, document.prompt, values)
            self._given(row, [self.end, *line, self.start, *assistant])
        self._parts(row, parts, values)
        self._given(row, [2])
        if document.prompt is not None:
            row.labels[-1] = 2
        return row

    @staticmethod
    def _given(row: Row, ids: list[int]) -> None:
        row.ids.extend(ids)
        row.labels.extend([IGNORE] * len(ids))
        row.reach.extend([FAR] * len(ids))

    def _parts(self, row: Row, parts: Parts, values: Iterator[tuple[str, ...]]) -> None:
        pieces = self.pieces.encode([text for text, _ in parts])
        for number, ((_, kind), ids) in enumerate(zip(parts, pieces, strict=True)):
            self._given(row, ids)
            if kind is Kind.LEARNED:
                row.labels[-len(ids) :] = ids
            elif kind is Kind.VEILED:
                row.reach[-len(ids) :] = [len(row.ids) + len(pieces[number + 1]) - 1] * len(ids)
            elif kind is Kind.RECALLED:
                row.recalled[len(row.ids) - 1] = [self.pieces.encode(value)[0] for value in next(values)]


def batches(encoder: Encoder, seed: int, lesson: int = 0) -> Iterator[list[Row]]:
    """Batches of about `BATCH_TOKENS` tokens and like lengths, without end."""
    rng, stream = Random(seed), documents(seed, lesson)
    while True:
        rows = sorted(
            (encoder(document) for document in islice(stream, _SORTED_AT_ONCE)), key=lambda row: len(row.ids)
        )
        found: list[list[Row]] = []
        batch: list[Row] = []
        for row in rows:
            if batch and (len(batch) + 1) * len(row.ids) > BATCH_TOKENS:
                found.append(batch)
                batch = []
            batch.append(row)
        rng.shuffle(found)
        yield from found


def padded(rows: list[Row]) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """ids_BL, labels_BL and mask_B1LL (True: may be seen), padded on the right."""
    import torch

    longest = max(len(row.ids) for row in rows)

    def filled(lists: list[list[int]], value: int) -> torch.Tensor:
        return torch.tensor([one + [value] * (longest - len(one)) for one in lists])

    place_L = torch.arange(longest)
    causal_LL = place_L[:, None] >= place_L[None, :]
    within_BLL = place_L[None, :, None] <= filled([row.reach for row in rows], FAR)[:, None, :]
    ids_BL = filled([row.ids for row in rows], 2)
    return ids_BL, filled([row.labels for row in rows], IGNORE), (causal_LL & within_BLL)[:, None]
