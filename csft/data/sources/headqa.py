"""HEAD-QA: Spanish specialisation exams in English. Text: preprocess/headqa_to_sft.py of the authors.

They read the hub's copy, whose texts are stripped of blanks at both ends; so is the published file here.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.records import (
    Losses,
    RecordError,
    any_text,
    ask,
    convert_rows,
    letter_of,
    letter_options,
    require_list,
    require_object,
    require_text,
)
from csft.errors import DataError
from csft.raw import Raw, first_layout, json_rows, open_text, parquet_rows, parts
from csft.raw.text import Row
from csft.rejects import Rejects

_FILE = "train_HEAD_EN.json"
EXPECTED = (
    f"HEAD_EN/{_FILE}, also inside the published zip, or en/train-*.parquet or en/train.json "
    "(rows of the hub's loader)"
)
_COLUMNS = ("category", "qtext", "ra", "answers")


def find(folder: Path) -> list[Path]:
    """The English training file, with or without `HEAD_EN/`, else the zip, else rows of the hub's loader."""
    return first_layout(
        folder,
        [f"HEAD_EN/{_FILE}"],
        [_FILE],
        [f"*.zip!{_FILE}", f"data/*.zip!{_FILE}"],
        ["en/train-*.parquet"],
        ["en/train/*.parquet"],
        ["en/train.json", "en/train.jsonl"],
        ["train-*.parquet"],
        ["train.json", "train.jsonl"],
    )


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per question; those that hang on a picture are in, as in the authors' count."""
    for raw in parts(files, _FILE):
        if raw.is_parquet:
            rows = parquet_rows(raw, _COLUMNS, rejects)
        elif raw.stem == "train":
            rows = json_rows(raw, rejects)
        else:
            rows = _questions(raw, rejects)
        yield from convert_rows(rows, _record, rejects)


def _questions(raw: Raw, rejects: Rejects) -> Iterator[Row]:
    """(place, question with its exam's category). The whole file (1.4 MB) is held in memory."""
    with open_text(raw) as file:
        try:
            exams = json.load(file, strict=False)["exams"].items()
        except (ValueError, RecursionError) as problem:
            raise DataError(f"{raw} is not whole JSON ({problem}): download it again.") from problem
        except (TypeError, LookupError, AttributeError) as problem:
            raise DataError(f"{raw} does not hold an object with `exams` by name.") from problem
    for name, exam in exams:
        where = f"{raw.name}: {name}"
        try:
            fields = require_object(exam, "exam")
            questions = require_list(fields.get("data"), "exam data")
        except RecordError as problem:
            rejects.add(str(problem), where)
            continue
        for number, question in enumerate(questions, start=1):
            row = question
            if isinstance(question, dict):
                row = {**question, "category": fields.get("category")}
            yield f"{where}, question {number}", row


def _record(row: Any, losses: Losses) -> Iterator[Alpaca]:
    fields = require_object(row)
    category = require_text(fields.get("category"), "category").strip()
    options = letter_options(_option_texts(fields.get("answers")), losses)
    answer = letter_of(fields.get("ra"), options)
    question = require_text(fields.get("qtext"), "qtext").strip()
    yield Alpaca(
        f"This is a question about {category} from exams to access "
        "a specialized position in healthcare system.\n\n",
        ask(question, options),
        f"The answer is {answer} .",
    )


def _option_texts(answers: Any) -> list[str]:
    """The texts in the order of their numbers, from a list of objects or an object of two lists."""
    if isinstance(answers, dict):
        numbers = require_list(answers.get("aid"), "options")
        texts = require_list(answers.get("atext"), "options")
    else:
        each = [require_object(answer, "option") for answer in require_list(answers, "options")]
        numbers = [answer.get("aid") for answer in each]
        texts = [answer.get("atext") for answer in each]
    by_number = {str(number): text for number, text in zip(numbers, texts, strict=False)}
    order = [str(number) for number in range(1, len(numbers) + 1)]
    if sorted(by_number) != sorted(order) or len(texts) != len(numbers):
        raise RecordError("option numbers are not 1, 2, 3, …")
    return ["" if by_number[n] is None else any_text(by_number[n], "option").strip() for n in order]
