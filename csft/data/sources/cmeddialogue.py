"""cMedDialogue: six departments' questions. Text: preprocess/cmeddialogue_to_sft.py of the authors."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from csft.data.alpaca import Alpaca
from csft.data.sources.records import Losses, RecordError, convert_rows, optional_text, require_text
from csft.raw import Raw, csv_rows, first_layout, parts
from csft.raw.files import open_bytes
from csft.rejects import Rejects

EXPECTED = "Data_数据/<department>/*.csv (GB18030)"


def find(folder: Path) -> list[Path]:
    """Every department's table; the samples beside `Data_数据` are copies and stay out."""
    return first_layout(folder, ["Data_数据/*/*.csv"], ["*/*.csv"])


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per row; a row needs a title or a question, and an answer."""
    for raw in parts(files):
        rows = csv_rows(raw, ["title", "ask", "answer"], rejects, _encoding(raw), aliases={"question": "ask"})
        yield from convert_rows(rows, _record, rejects)


def _record(cells: list[str], _: Losses) -> Iterator[Alpaca]:
    title, ask, answer = cells
    if not optional_text(title, "title") and not optional_text(ask, "ask"):
        raise RecordError("empty title and ask")
    yield Alpaca(title, ask, require_text(answer, "answer"))


def _encoding(raw: Raw) -> str:
    """GB18030 as published, or UTF-8 if saved anew: a longer Chinese text is never valid as both."""
    with open_bytes(raw) as file:
        head = file.read(1 << 16)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "gb18030"
    return "gb18030" if head.isascii() else "utf-8"
