"""DISC-Med-SFT: one record per question and answer of a dialogue.

Text: preprocess/discmed_to_sft.py of the authors.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.raw import first_layout, json_lines
from csft.data.sources.records import RecordError, convert_rows, require_list, require_object, require_text
from csft.rejects import Rejects

EXPECTED = "DISC-Med-SFT_released.jsonl"


def find(folder: Path) -> list[Path]:
    """The released file."""
    return first_layout(folder, ["DISC-Med-SFT_released.jsonl"])


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """An unanswered last turn is left out; a dialogue of nothing else is set aside."""
    for path in files:
        yield from convert_rows(json_lines(path, rejects), _records, rejects)


def _records(row: Any) -> Iterator[Alpaca]:
    turns = _joined(require_object(row))
    if turns and turns[0][0] == "assistant":
        turns.insert(0, ("user", ""))  # the authors' rule: an opening greeting answers nothing
    if len(turns) < 2:
        raise RecordError("no answered turn")
    history: tuple[tuple[str, str], ...] = ()
    for (_, question), (_, answer) in zip(turns[::2], turns[1::2], strict=False):
        yield Alpaca(question, "", answer, history)
        history = (*history, (question, answer))


def _joined(fields: Any) -> list[tuple[str, str]]:
    """(role, text) with neighbouring turns of one role joined by a blank."""
    said = [_turn(turn) for turn in require_list(fields.get("conversation"), "conversation")]
    groups = groupby(said, key=lambda turn: turn[0])
    return [(role, " ".join(text for _, text in turns).strip()) for role, turns in groups]


def _turn(value: Any) -> tuple[str, str]:
    fields = require_object(value, "turn")
    role = fields.get("role")
    if role not in ("user", "assistant"):
        raise RecordError("role is neither user nor assistant")
    return role, require_text(fields.get("content"), "content")
