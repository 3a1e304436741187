"""MedMCQA: multiple choice with an explanation. Text: preprocess/medmcqa_to_sft.py of the authors.

The correct option `cop` is 1-based in the published train.json and 0-based in the hub's Parquet copy.
"""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.records import (
    Losses,
    ask,
    convert_rows,
    letter_of,
    letter_options,
    optional_text,
    require_object,
    require_text,
)
from csft.errors import DataError
from csft.raw import Raw, first_layout, json_lines, parquet_rows, parts
from csft.rejects import Rejects

EXPECTED = (
    "train.json, also inside the published zip (JSON Lines, `cop` 1-4), or data/train-*.parquet "
    "(the hub's copy, `cop` 0-3)"
)
_OPTIONS = ("opa", "opb", "opc", "opd")
_COLUMNS = ("question", "exp", "cop", "subject_name", "topic_name", *_OPTIONS)


def find(folder: Path) -> list[Path]:
    """The published file if it is there, else the published zip, else the hub's copy."""
    return first_layout(
        folder,
        ["train.json"],
        ["data/train.json"],
        ["*.zip!train.json"],
        ["data/train-*.parquet"],
        ["default/train/*.parquet"],
    )


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per question. Raises DataError for a train.json that counts options from 0."""
    for raw in parts(files, "train.json"):
        if raw.is_parquet:
            rows, first = parquet_rows(raw, _COLUMNS, rejects), 0
        else:
            _check_base(raw)
            rows, first = json_lines(raw, rejects), 1
        yield from convert_rows(rows, partial(_record, first=first), rejects)


def _check_base(raw: Raw) -> None:
    """Read as 1-based, a 0-based copy would shift every answer without a word."""
    rows = islice(json_lines(raw, Rejects()), 1000)
    options = [row.get("cop") for _, row in rows if isinstance(row, dict)]
    if options.count(0) >= 20 and 4 not in options:  # a few zeros are bad rows, not another base
        raise DataError(
            f"{raw} counts `cop` from 0, the published train.json from 1: this is a copy of the hub's data. "
            "Put the hub's own files at data/train-*.parquet instead."
        )


def _record(row: Any, losses: Losses, first: int) -> Iterator[Alpaca]:
    fields = require_object(row)
    subject = require_text(fields.get("subject_name"), "subject_name")
    topic = optional_text(fields.get("topic_name"), "topic_name")
    options = letter_options((fields.get(name) for name in _OPTIONS), losses)
    number = fields.get("cop")
    if first == 0:
        number = number + 1 if type(number) is int else None
    answer = f"The answer is {letter_of(number, options)} ."
    explanation = optional_text(fields.get("exp"), "exp")
    yield Alpaca(
        f"This is a question about {subject} from real-world medical entrance exam.\n"
        + (f"The topic is {topic}.\n\n" if topic else "\n"),
        ask(require_text(fields.get("question"), "question"), options),
        f"{explanation}\n{answer}" if explanation else answer,
    )
