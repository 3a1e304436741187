"""PubMedQA: question → long answer.

No converter was published; the paper's text names question and answer. Its count, 273,518, is all of
PQA-L, PQA-A and PQA-U, and LONG_ANSWER is the only answer the three files share.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.json_stream import json_object
from csft.data.sources.raw import first_layout
from csft.data.sources.records import convert_rows, require_object, require_text
from csft.rejects import Rejects

EXPECTED = "data/ori_pqal.json, data/ori_pqaa.json, data/ori_pqau.json (those that are there)"


def find(folder: Path) -> list[Path]:
    """The files of the layout EXPECTED describes, with or without `data/`."""
    return first_layout(folder, ["data/ori_pqa[alu].json"], ["ori_pqa[alu].json"])


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per PMID."""
    for path in files:
        yield from convert_rows(json_object(path, rejects), _record, rejects)


def _record(row: Any) -> Iterator[Alpaca]:
    fields = require_object(row)
    question = require_text(fields.get("QUESTION"), "QUESTION")
    yield Alpaca(question, "", require_text(fields.get("LONG_ANSWER"), "LONG_ANSWER"))
