"""HEAD-QA: Spanish specialisation exams in English. Text: preprocess/headqa_to_sft.py of the authors."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.raw import first_layout, open_text
from csft.data.sources.records import (
    RecordError,
    Row,
    ask,
    convert_rows,
    letter_of,
    letter_options,
    require_list,
    require_object,
    require_text,
)
from csft.errors import DataError
from csft.rejects import Rejects

EXPECTED = "HEAD_EN/train_HEAD_EN.json"


def find(folder: Path) -> list[Path]:
    """The English training file, with or without `HEAD_EN/`."""
    return first_layout(folder, ["HEAD_EN/train_HEAD_EN.json"], ["train_HEAD_EN.json"])


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per question; those that hang on a picture are in, as in the authors' count."""
    for path in files:
        yield from convert_rows(_questions(path, rejects), _record, rejects)


def _questions(path: Path, rejects: Rejects) -> Iterator[Row]:
    """(place, (category, question)). The whole file (1.4 MB) is held in memory."""
    with open_text(path) as file:
        try:
            exams = json.load(file)["exams"].items()
        except (ValueError, RecursionError) as problem:
            raise DataError(f"{path} is not whole JSON ({problem}): download it again.") from problem
        except (TypeError, LookupError, AttributeError) as problem:
            raise DataError(f"{path} does not hold an object with `exams` by name.") from problem
    for name, exam in exams:
        where = f"{path.parent.name}/{path.name}: {name}"
        try:
            fields = require_object(exam, "exam")
            questions = require_list(fields.get("data"), "exam data")
        except RecordError as problem:
            rejects.add(str(problem), where)
            continue
        for number, question in enumerate(questions, start=1):
            yield f"{where}, question {number}", (fields.get("category"), question)


def _record(row: Any) -> Iterator[Alpaca]:
    category, question = row
    category = require_text(category, "category")
    fields = require_object(question)
    answers = [require_object(answer, "option") for answer in require_list(fields.get("answers"), "options")]
    numbers = [answer.get("aid") for answer in answers]
    if sorted(map(str, numbers)) != sorted(str(number) for number in range(1, len(numbers) + 1)):
        raise RecordError("option numbers are not 1, 2, 3, …")
    texts = {int(str(number)): answer.get("atext") for number, answer in zip(numbers, answers, strict=True)}
    options = letter_options(texts[number] for number in sorted(texts))
    yield Alpaca(
        f"This is a question about {category} from exams to access "
        "a specialized position in healthcare system.\n\n",
        ask(require_text(fields.get("qtext"), "qtext"), options),
        f"The answer is {letter_of(fields.get('ra'), options)} .",
    )
