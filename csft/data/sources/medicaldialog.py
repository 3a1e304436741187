"""MedicalDialog (MedDialog, Chinese): one record per pair of turns.

Text: preprocess/medicaldialogue_to_sft.py of the authors. They read through a loader that never gives the
last dialogue of a file; here it is read like the others. `consultations` brings the raw text into this form.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.consultations import DOCTOR, PATIENT, consultations
from csft.data.sources.records import Losses, RecordError, any_text, convert_rows, dialogue, require_list
from csft.raw import Raw, first_layout, json_rows, parquet_rows, parts
from csft.raw.text import Row
from csft.rejects import Rejects

_PROCESSED = "train_data.json"
EXPECTED = (
    f"{_PROCESSED} of the processed Chinese data, here, in a sub-folder or in its zip; or rows of the hub's "
    "processed.zh (processed.zh/train*.parquet, .jsonl); or the raw consultations (*.txt, or their zip)"
)


def find(folder: Path) -> list[Path]:
    """The processed file, else its zip, else the hub's rows, else the raw consultations."""
    return first_layout(
        folder,
        [_PROCESSED],
        [f"*/{_PROCESSED}"],
        [f"*.zip!{_PROCESSED}"],
        ["processed.zh/train*.parquet", "processed.zh/train*.jsonl", "processed.zh/train*.json"],
        ["processed.zh/train/*.parquet"],
        ["data/train-*.parquet", "train-*.parquet", "train.jsonl"],
        ["*.txt"],
        ["*/*.txt"],
        ["*.zip!*.txt"],
    )


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """Dialogues are streamed: the published file has several GB."""
    for raw in parts(files, _PROCESSED, "*.txt"):
        yield from convert_rows(_rows(raw, rejects), _records, rejects)


def _rows(raw: Raw, rejects: Rejects) -> Iterator[Row]:
    if raw.is_parquet:
        return parquet_rows(raw, ["utterances"], rejects)
    if (raw.member or raw.path.name).endswith(".txt"):
        return consultations(raw, rejects)
    return json_rows(raw, rejects)


def _records(row: Any, losses: Losses) -> Iterator[Alpaca]:
    """A last patient turn without an answer is left out; a dialogue of nothing else is no dialogue."""
    turns = require_list(row.get("utterances") if isinstance(row, dict) else row, "dialogue")
    if len(turns) < 2:
        raise RecordError("no answered turn")
    pairs = zip(turns[::2], turns[1::2], strict=False)
    yield from dialogue(((_said(one, PATIENT), _said(other, DOCTOR)) for one, other in pairs), losses)
    if len(turns) % 2:
        losses.parts.append("unanswered last turn left out")


def _said(turn: Any, speaker: str) -> str:
    text = any_text(turn, "turn")
    if not text.startswith(speaker):
        raise RecordError(f"turns do not alternate {PATIENT} {DOCTOR}")
    return text.replace(speaker, "")  # every mention, not only the first: the authors' own replacement
