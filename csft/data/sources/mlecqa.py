"""MLEC-QA: the physician licence exam in five fields. Text: preprocess/mlecqa_to_sft.py of the authors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.json_stream import json_rows
from csft.data.sources.raw import first_layout
from csft.data.sources.records import (
    ask,
    convert_rows,
    require_answer,
    require_object,
    require_options,
    require_text,
)
from csft.rejects import Rejects

_FIELDS = ("Clinic", "Stomatology", "PublicHealth", "TCM", "CWM")
EXPECTED = ", ".join(f"{field}_train.json" for field in _FIELDS) + " (those that are there)"


def find(folder: Path) -> list[Path]:
    """The fields' training files, here or one folder down."""
    names = [f"{field}_train.json" for field in _FIELDS]
    return first_layout(folder, names, [f"*/{name}" for name in names])


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per question."""
    for path in files:
        yield from convert_rows(json_rows(path, rejects), _record, rejects)


def _record(row: Any) -> Iterator[Alpaca]:
    fields = require_object(row)
    options = require_options(fields.get("options"))
    yield Alpaca(
        "这是国家医师资格考试的题目。\n\n",
        ask(require_text(fields.get("qtext"), "qtext"), options),
        f"答案是{require_answer(fields.get('answer'), options)}。",
    )
