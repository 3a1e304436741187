"""NLPEC: the pharmacist licence exam with passages of text books.

Text: preprocess/nlpec_to_sft.py of the authors.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.raw import first_layout, json_lines
from csft.data.sources.records import (
    RecordError,
    ask,
    convert_rows,
    letter_of,
    letter_options,
    optional_text,
    require_list,
    require_object,
    require_text,
)
from csft.rejects import Rejects

EXPECTED = "NLPEC_public_data/train.json (JSON Lines)"


def find(folder: Path) -> list[Path]:
    """The training file, with or without its folder."""
    return first_layout(folder, ["NLPEC_public_data/train.json"], ["train.json"])


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per question."""
    for path in files:
        yield from convert_rows(json_lines(path, rejects), _record, rejects)


def _record(row: Any) -> Iterator[Alpaca]:
    fields = require_object(row)
    subject = optional_text(fields.get("subject"), "subject")
    options = letter_options(require_list(fields.get("option"), "options"))
    numbers = require_list(fields.get("answer"), "answer")
    if not numbers:
        raise RecordError("no answer")
    answer = "".join(letter_of(number, options) for number in numbers)  # in the order the file gives
    explanation = _explanation(fields, options)
    yield Alpaca(
        "这是国家药品监督管理局执业药师资格认证考试的题目。\n" + (f"源自{subject}\n\n" if subject else "\n"),
        ask(require_text(fields.get("questionText"), "questionText"), options),
        f"{explanation}\n答案是{answer}。" if explanation else f"答案是{answer}。",
    )


def _explanation(fields: Mapping[str, Any], options: Mapping[str, str]) -> str:
    """A passage shared by all options once, otherwise one line per option."""
    passages = [optional_text(text, "context") for text in require_list(fields.get("context"), "context")]
    if len(passages) != len(options):
        raise RecordError("options and contexts differ in number")
    if len(set(passages)) == 1:
        return passages[0]
    return "\n".join(
        f"{option}：{passage}" for option, passage in zip(options.values(), passages, strict=True)
    )
