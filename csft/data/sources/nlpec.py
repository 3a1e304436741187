"""NLPEC: the pharmacist licence exam with passages of text books.

Text: preprocess/nlpec_to_sft.py of the authors.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from csft.data.alpaca import Alpaca
from csft.data.sources.records import (
    Losses,
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
from csft.raw import first_layout, json_lines, parts
from csft.rejects import Rejects

EXPECTED = "NLPEC_public_data/train.json (JSON Lines), also inside a zip"


def find(folder: Path) -> list[Path]:
    """The training file, with or without its folder, else the zip that holds it."""
    return first_layout(folder, ["NLPEC_public_data/train.json"], ["train.json"], ["*.zip!train.json"])


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per question."""
    for raw in parts(files, "train.json"):
        yield from convert_rows(json_lines(raw, rejects), _record, rejects)


def _record(row: Any, losses: Losses) -> Iterator[Alpaca]:
    fields = require_object(row)
    subject = optional_text(fields.get("subject"), "subject")
    given = require_list(fields.get("option"), "options")
    options = letter_options(given, losses)
    numbers = require_list(fields.get("answer"), "answer")
    if not numbers:
        raise RecordError("no answer")
    answer = "".join(letter_of(number, options) for number in numbers)  # in the order the file gives
    explanation = _explanation(fields, given, options)
    yield Alpaca(
        "这是国家药品监督管理局执业药师资格认证考试的题目。\n" + (f"源自{subject}\n\n" if subject else "\n"),
        ask(require_text(fields.get("questionText"), "questionText"), options),
        f"{explanation}\n答案是{answer}。" if explanation else f"答案是{answer}。",
    )


def _explanation(fields: Mapping[str, Any], given: list[Any], options: Mapping[str, str]) -> str:
    """A passage shared by all options once, otherwise one line per option that is offered."""
    passages = [optional_text(text, "context") for text in require_list(fields.get("context"), "context")]
    if len(passages) != len(given):
        raise RecordError("options and contexts differ in number")
    if len(set(passages)) == 1:
        return passages[0]
    by_letter = dict(zip(ascii_uppercase, passages, strict=False))
    return "\n".join(f"{option}：{by_letter[letter]}" for letter, option in options.items())
