"""PubMedQA: question → long answer.

No converter was published; the paper's text names question and answer. Its count, 273,518, is all of
PQA-L, PQA-A and PQA-U, and the long answer is the only one the three parts share.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.records import Losses, convert_rows, require_object, require_text
from csft.raw import first_layout, json_object, parquet_rows, parts
from csft.rejects import Rejects

EXPECTED = (
    "data/ori_pqal.json, data/ori_pqaa.json, data/ori_pqau.json (published), or "
    "pqa_{labeled,artificial,unlabeled}/train-*.parquet (the hub's copy); those parts that are there"
)
# The published file may be there for one part and the hub's copy for another.
_PARTS = {"ori_pqal.json": "pqa_labeled", "ori_pqaa.json": "pqa_artificial", "ori_pqau.json": "pqa_unlabeled"}


def find(folder: Path) -> list[Path]:
    """For each part the published file, with or without `data/`, else the hub's copy."""
    found = (
        first_layout(folder, [f"data/{file}"], [file], [f"{hub}/train-*.parquet"], [f"{hub}/train/*.parquet"])
        for file, hub in _PARTS.items()
    )
    return [path for paths in found for path in paths]


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per PMID."""
    for raw in parts(files):
        if raw.is_parquet:
            yield from convert_rows(parquet_rows(raw, ["question", "long_answer"], rejects), _record, rejects)
        else:
            yield from convert_rows(json_object(raw, rejects), _record, rejects)


def _record(row: Any, _: Losses) -> Iterator[Alpaca]:
    fields = require_object(row)
    published = "QUESTION" in fields or "LONG_ANSWER" in fields
    names = ("QUESTION", "LONG_ANSWER") if published else ("question", "long_answer")
    question, answer = (require_text(fields.get(name), name) for name in names)
    yield Alpaca(question, "", answer)
