"""MedQA (Jin et al.): board exams of three regions. Text: preprocess/medqajin_to_sft.py of the authors."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.raw import first_layout, json_lines
from csft.data.sources.records import (
    ask,
    convert_rows,
    require_answer,
    require_object,
    require_options,
    require_text,
)
from csft.rejects import Rejects

# Region -> (instruction, answer sentence).
_TEXTS = {
    "Mainland": ("这是国家医学委员会考试的题目。\n\n", "答案是{}。"),
    "Taiwan": ("這是台灣醫師資格考試的題目。\n\n", "答案是{}。"),
    "US": ("This is a question about medical board exams in US.\n\n", "The answer is {} ."),
}
EXPECTED = "questions/{Mainland,Taiwan,US}/train.jsonl (those that are there)"


def find(folder: Path) -> list[Path]:
    """The regions' training files, also where the published archive puts them (`data_clean/questions/`)."""
    names = [f"{region}/train.jsonl" for region in _TEXTS]
    layouts = ([f"{above}{name}" for name in names] for above in ("questions/", "data_clean/questions/", ""))
    return first_layout(folder, *layouts)


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per question."""
    for path in files:
        record = partial(_record, region=path.parent.name)
        yield from convert_rows(json_lines(path, rejects), record, rejects)


def _record(row: Any, region: str) -> Iterator[Alpaca]:
    instruction, sentence = _TEXTS[region]
    fields = require_object(row)
    options = require_options(fields.get("options"))
    answer = require_answer(fields.get("answer_idx"), options)
    question = require_text(fields.get("question"), "question")
    yield Alpaca(instruction, ask(question, options), sentence.format(answer))
