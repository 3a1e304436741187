"""MedicalDialog (MedDialog, Chinese), the processed form: one record per pair of turns.

Text: preprocess/medicaldialogue_to_sft.py of the authors. They read through a loader that never gives the
last dialogue of a file; here it is read like the others.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.json_stream import json_array
from csft.data.sources.raw import first_layout
from csft.data.sources.records import RecordError, convert_rows, require_list, require_text
from csft.rejects import Rejects

EXPECTED = (
    "train_data.json of the processed Chinese data, here or in a sub-folder (the raw .txt files are not read)"
)
_PATIENT, _DOCTOR = "病人：", "医生："


def find(folder: Path) -> list[Path]:
    """train_data.json itself, or those of the sub-folders."""
    return first_layout(folder, ["train_data.json"], ["*/train_data.json"])


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """Dialogues are streamed: the published file has several GB."""
    for path in files:
        yield from convert_rows(json_array(path, rejects), _records, rejects)


def _records(row: Any) -> Iterator[Alpaca]:
    """A last patient turn without an answer is left out; a dialogue of nothing else is no dialogue."""
    turns = require_list(row, "dialogue")
    if len(turns) < 2:
        raise RecordError("no answered turn")
    history: tuple[tuple[str, str], ...] = ()
    for patient, doctor in zip(turns[::2], turns[1::2], strict=False):
        pair = (_said(patient, _PATIENT, "patient turn"), _said(doctor, _DOCTOR, "doctor turn"))
        yield Alpaca(pair[0], "", pair[1], history)
        history = (*history, pair)


def _said(turn: Any, speaker: str, name: str) -> str:
    text = require_text(turn, name)
    if not text.startswith(speaker):
        raise RecordError(f"turns do not alternate {_PATIENT} {_DOCTOR}")
    # Every mention goes, not only the first: the authors' own replacement.
    return require_text(text.replace(speaker, ""), name)
