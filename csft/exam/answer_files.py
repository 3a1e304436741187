"""Answer files: CMB's official form, its runner's output, and the predictions of a run folder."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from csft.cmb import MULTIPLE, SINGLE
from csft.console import say
from csft.errors import DataError, ExamError
from csft.exam.answers import read_answers
from csft.exam.careful import LETTERS
from csft.exam.key import Key, KeyRow, check_ids, key_rows, usable_id
from csft.exam.splits import doubled, id_list
from csft.files import write_json
from csft.raw import json_rows, parts
from csft.raw.text import Row
from csft.rejects import Rejects

ANSWER_FIELDS = ("model_answer", "letters")  # the official form's, then the run folder's
_SAMPLE = re.compile(r"answer_(\d{1,9})")  # the runner's: one text per sample


def read_answer_file(path: Path, key: Key, rule: str = "official") -> dict[int, str]:
    """Read `{id: letters}` from a JSON array or JSON Lines, byte order mark and CRLF allowed.

    A row holds an `id` and `model_answer`, or `letters` as in a run folder's predictions, or the texts
    `answer_0`, `answer_1` … of CMB's runner, which are read by `rule` and vote. Letters stay as they are,
    their order included; how many answers hold other signs than A to G is said in a line.
    Raises ExamError for rows without an id or an answer and for ids missing, doubled or not in `key`, and
    DataError naming file and line for what is not JSON.
    """
    asked = {row.id: row for row in key_rows(key)}
    placed = _by_id(path)
    check_ids(dict.fromkeys(placed, ""), list(asked.values()), f"{path}: answers")
    read = {number: _letters(row, asked[number], rule) for number, (_, row) in placed.items()}
    without = [placed[number][0] for number, letters in read.items() if letters is None]
    _refuse(path, f"have no answer ({', '.join(ANSWER_FIELDS)} or answer_0, answer_1 … as text)", without)
    answers = {number: letters for number, letters in read.items() if letters is not None}
    _tell_strange(path, answers)
    return answers


def write_submission(path: Path, answers: Mapping[int, str]) -> None:
    """Write CMB's official form, `[{"id": 1, "model_answer": "D"}, …]` by id, whole or not at all."""
    write_json(path, [{"id": number, "model_answer": answers[number]} for number in sorted(answers)])


def _by_id(path: Path) -> dict[int, Row]:
    """Every row with its place under its id."""
    rows = [(usable_id(row), where, row) for where, row in _rows(path)]
    _refuse(path, "have no whole number as id", [where for number, where, _ in rows if number is None])
    if twice := doubled(number for number, _, _ in rows if number is not None):
        raise ExamError(f"{path}: {len(twice)} ids occur more than once: {id_list(twice)}.")
    return {number: (where, row) for number, where, row in rows if number is not None}


def _rows(path: Path) -> list[Row]:
    """Every row with its place. An answer file is whole: unlike a dataset, it may not lose a row."""
    rejects = Rejects()
    try:
        rows = [row for raw in parts([path]) for row in json_rows(raw, rejects)]
    except OSError as problem:
        raise DataError(f"{path} cannot be read: {problem.strerror or problem}.") from None
    if rejects.total:
        lost = (
            f"{count} {reason} ({id_list(rejects.examples[reason])})"
            for reason, count in rejects.counts.items()
        )
        raise DataError(f"{path} is no whole answer file: {', '.join(lost)}.")
    _refuse(path, "are no objects", [where for where, row in rows if not isinstance(row, Mapping)])
    return rows


def _letters(row: Mapping[str, Any], asked: KeyRow, rule: str) -> str | None:
    """The answer of one row, None when it has none."""
    for field in ANSWER_FIELDS:
        if field in row:
            letters = row[field]
            return letters if isinstance(letters, str) else None
    samples = {int(name[1]): row[name[0]] for name in map(_SAMPLE.fullmatch, row) if name}
    texts = [samples[number] for number in sorted(samples)]  # in a tied vote the earlier sample wins
    if not texts or not all(isinstance(text, str) for text in texts):
        return None
    return read_answers(texts, MULTIPLE if asked.multiple else SINGLE, rule)


def _refuse(path: Path, what: str, places: Sequence[str]) -> None:
    if places:
        raise ExamError(f"{path}: {len(places)} rows {what}: {id_list(places)}.")


def _tell_strange(path: Path, answers: Mapping[int, str]) -> None:
    strange = [number for number, letters in answers.items() if not set(letters) <= set(LETTERS)]
    if strange:
        say(
            f"{path}: {len(strange)} of {len(answers)} answers are not made of the letters A to G alone and "
            f"count as wrong: ids {id_list(strange)}"
        )
