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
_STEM = (Kind.VEILED, Kind.STEM, Kind.KNOWN, Kind.RECALLED)


@dataclass(frozen=True, slots=True)
class Row:
    """One document: tokens, what of them is learned, and how far each is seen."""

    ids: list[int]
    labels: list[int]  # the token itself, or IGNORE
    reach: list[int]  # the last place that sees the token in the upper layers
    early_reach: list[int]  # and in the lower ones
    known: list[int]  # places where a fact is recalled
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
        row = Row([1], [IGNORE], [FAR], [FAR], [], {})
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
        if document.unveiled:
            row.reach[:] = row.early_reach[:] = [FAR] * len(row.ids)
        return row

    @staticmethod
    def _given(row: Row, ids: list[int]) -> None:
        row.ids.extend(ids)
        row.labels.extend([IGNORE] * len(ids))
        row.reach.extend([FAR] * len(ids))
        row.early_reach.extend([FAR] * len(ids))

    def _parts(self, row: Row, parts: Parts, values: Iterator[tuple[str, ...]]) -> None:
        pieces = self.pieces.encode([text for text, _ in parts])
        stem = len(row.ids)
        for number, ((_, kind), ids) in enumerate(zip(parts, pieces, strict=True)):
            begin = len(row.ids)
            self._given(row, ids)
            if kind is Kind.LEARNED:
                row.labels[begin:] = ids
            elif kind in _STEM:
                stem = begin if number == 0 or parts[number - 1][1] not in _STEM else stem
                if kind is Kind.KNOWN:
                    row.known.extend(range(begin, len(row.ids)))
                elif kind is Kind.RECALLED:
                    row.recalled[len(row.ids) - 1] = [self.pieces.encode(one)[0] for one in next(values)]
                last = len(row.ids) - 1
                row.early_reach[stem:] = [last] * (len(row.ids) - stem)
                hidden = [at for at in range(stem, len(row.ids)) if row.reach[at] != FAR]
                for at in hidden:
                    row.reach[at] = last
                if kind is Kind.VEILED:
                    row.reach[begin:] = [last] * len(ids)


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


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows padded on the right. A mask's True: the column may be seen from the row."""

    ids_BL: "torch.Tensor"  # noqa: N815
    labels_BL: "torch.Tensor"  # noqa: N815
    early_B1LL: "torch.Tensor"  # noqa: N815
    late_B1LL: "torch.Tensor"  # noqa: N815
    known_BL: "torch.Tensor"  # noqa: N815


def padded(rows: list[Row]) -> Batch:
    """The rows as one batch."""
    import torch

    longest = max(len(row.ids) for row in rows)
    place_L = torch.arange(longest)
    causal_LL = place_L[:, None] >= place_L[None, :]

    def filled(lists: list[list[int]], value: int) -> torch.Tensor:
        return torch.tensor([one + [value] * (longest - len(one)) for one in lists])

    def mask(reach: list[list[int]]) -> torch.Tensor:
        within_BLL = place_L[None, :, None] <= filled(reach, FAR)[:, None, :]
        return (causal_LL & within_BLL)[:, None]

    known_BL = torch.zeros(len(rows), longest, dtype=torch.bool)
    for at, row in enumerate(rows):
        known_BL[at, row.known] = True
    return Batch(
        filled([row.ids for row in rows], 2),
        filled([row.labels for row in rows], IGNORE),
        mask([row.early_reach for row in rows]),
        mask([row.reach for row in rows]),
        known_BL,
    )
