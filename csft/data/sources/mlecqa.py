"""MLEC-QA: the physician licence exam in five fields. Text: preprocess/mlecqa_to_sft.py of the authors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.records import (
    Losses,
    ask,
    convert_rows,
    require_answer,
    require_object,
    require_options,
    require_text,
)
from csft.raw import first_layout, json_rows, parts
from csft.rejects import Rejects

_FIELDS = ("Clinic", "Stomatology", "PublicHealth", "TCM", "CWM")
_FILES = tuple(f"{field}_train.json" for field in _FIELDS)
EXPECTED = f"{', '.join(_FILES)} (those that are there), also inside the published zip"


def find(folder: Path) -> list[Path]:
    """The fields' training files, here or one folder down, else the zip that holds them."""
    below, zipped = ([f"{where}{name}" for name in _FILES] for where in ("*/", "*.zip!"))
    return first_layout(folder, _FILES, below, zipped)


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per question."""
    for raw in parts(files, *_FILES):
        yield from convert_rows(json_rows(raw, rejects), _record, rejects)


def _record(row: Any, losses: Losses) -> Iterator[Alpaca]:
    fields = require_object(row)
    options = require_options(fields.get("options"), losses)
    yield Alpaca(
        "这是国家医师资格考试的题目。\n\n",
        ask(require_text(fields.get("qtext"), "qtext"), options),
        f"答案是{require_answer(fields.get('answer'), options)}。",
    )
