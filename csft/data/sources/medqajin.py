"""MedQA (Jin et al.): board exams of three regions. Text: preprocess/medqajin_to_sft.py of the authors."""

from collections.abc import Iterator
from functools import partial
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
from csft.raw import first_layout, json_lines, parts
from csft.rejects import Rejects

# Region -> (instruction, answer sentence).
_TEXTS = {
    "Mainland": ("这是国家医学委员会考试的题目。\n\n", "答案是{}。"),
    "Taiwan": ("這是台灣醫師資格考試的題目。\n\n", "答案是{}。"),
    "US": ("This is a question about medical board exams in US.\n\n", "The answer is {} ."),
}
_FILES = tuple(f"{region}/train.jsonl" for region in _TEXTS)
EXPECTED = (
    "questions/{Mainland,Taiwan,US}/train.jsonl (those that are there), or the published data_clean.zip"
)


def find(folder: Path) -> list[Path]:
    """The regions' training files, also where the published zip puts them, else that zip."""
    layouts = [[f"{above}{name}" for name in _FILES] for above in ("questions/", "data_clean/questions/", "")]
    return first_layout(folder, *layouts, [f"*.zip!questions/{name}" for name in _FILES])


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per question."""
    for raw in parts(files, *(f"questions/{name}" for name in _FILES)):
        yield from convert_rows(json_lines(raw, rejects), partial(_record, region=raw.folder), rejects)


def _record(row: Any, losses: Losses, region: str) -> Iterator[Alpaca]:
    instruction, sentence = _TEXTS[region]
    fields = require_object(row)
    options = require_options(fields.get("options"), losses)
    answer = require_answer(fields.get("answer_idx"), options)
    question = require_text(fields.get("question"), "question")
    yield Alpaca(instruction, ask(question, options), sentence.format(answer))
