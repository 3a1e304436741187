"""webMedQA: five lines per question, one of them the chosen answer.

Text: preprocess/webmedqa_to_sft.py of the authors.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from csft.data.alpaca import Alpaca
from csft.data.sources.records import Losses, RecordError, convert_rows, require_text
from csft.raw import first_layout, lines, parts
from csft.rejects import Rejects

EXPECTED = "medQA.train.txt or train.zip"
_DATE_AND_TIME = re.compile(r"\d{4}-\d{2}-\d{4}:\d{2}")  # 2016-03-0512:30, glued together by the site


def find(folder: Path) -> list[Path]:
    """The unpacked file if it is there, else the zip."""
    return first_layout(folder, ["medQA.train.txt"], ["train.zip"])


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per line labelled 1; a topic is a line, as the paper counts them."""
    for raw in parts(files, "medQA.train.txt"):
        yield from convert_rows(lines(raw, rejects), _record, rejects)


def _record(line: str, _: Losses) -> tuple[Alpaca, ...]:
    cells = line.split("\t")
    if len(cells) != 5:
        raise RecordError("not five columns")
    _department, label, _number, question, answer = cells
    if label == "0":
        return ()
    if label != "1":
        raise RecordError("label is neither 0 nor 1")
    # The answer keeps its line break: the authors split lines without stripping them.
    answer = _DATE_AND_TIME.sub("", answer.replace("\r\n", "\n"))
    return (Alpaca(require_text(question, "question"), "", require_text(answer, "answer")),)
