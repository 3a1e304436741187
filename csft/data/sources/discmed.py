"""DISC-Med-SFT: one record per question and answer of a dialogue.

Text: preprocess/discmed_to_sft.py of the authors.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.records import (
    Losses,
    RecordError,
    any_text,
    convert_rows,
    dialogue,
    require_list,
    require_object,
)
from csft.raw import first_layout, json_lines, parquet_rows, parts
from csft.rejects import Rejects

_FILE = "DISC-Med-SFT_released.jsonl"
EXPECTED = f"{_FILE}, as published on the hub (or its Parquet conversion, default/train/*.parquet)"
_USER, _ASSISTANT = "user", "assistant"
Turn = tuple[str, str]


def find(folder: Path) -> list[Path]:
    """The released file, else its zip, else the hub's conversion."""
    return first_layout(
        folder, [_FILE], [f"*.zip!{_FILE}"], ["default/train/*.parquet"], ["data/train-*.parquet"]
    )


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """An unanswered last turn is left out; a dialogue of nothing else is set aside."""
    for raw in parts(files, _FILE):
        rows = parquet_rows(raw, ["conversation"], rejects) if raw.is_parquet else json_lines(raw, rejects)
        yield from convert_rows(rows, _records, rejects)


def _records(row: Any, losses: Losses) -> Iterator[Alpaca]:
    said = require_list(require_object(row).get("conversation"), "conversation")
    yield from dialogue(_pairs(_joined(said), losses), losses)


def _joined(said: list[Any]) -> Iterator[Turn]:
    """(role, text) with neighbouring turns of one role joined by a blank."""
    for role, turns in groupby(map(_turn, said), key=lambda turn: turn[0]):
        yield role, " ".join([text for _, text in turns]).strip()


def _pairs(turns: Iterator[Turn], losses: Losses) -> Iterator[Turn]:
    """(question, answer); a greeting that opens the dialogue answers an empty question, as the authors do."""
    question: str | None = None
    answered = False
    for role, text in turns:
        if role == _USER:
            question = text
        else:
            yield question or "", text
            question, answered = None, True
    if not answered:
        raise RecordError("no answered turn")
    if question is not None:
        losses.parts.append("unanswered last turn left out")


def _turn(value: Any) -> Turn:
    fields = require_object(value, "turn")
    role = fields.get("role")
    if role not in (_USER, _ASSISTANT):
        raise RecordError("role is neither user nor assistant")
    return role, any_text(fields.get("content"), "content")
