"""cMedQA2: patients' questions and doctors' answers. Text: preprocess/cmedqa2_to_sft.py of the authors.

Questions and answers of all splits lie in two files; train_candidates says which questions are training.
"""

from collections.abc import Iterator
from pathlib import Path

from csft.data.alpaca import Alpaca
from csft.data.sources.raw import csv_rows, first_layout
from csft.data.sources.records import RecordError, convert_rows, require_text
from csft.rejects import Rejects

_TABLES = ("answer", "question", "train_candidates")
EXPECTED = "question.zip, answer.zip and train_candidates.zip (each also as .csv or .txt)"


def find(folder: Path) -> list[Path]:
    """The three tables, or nothing when one is missing."""
    found = [
        first_layout(folder, *([f"{table}.{end}"] for end in ("zip", "csv", "txt"))) for table in _TABLES
    ]
    return [path for paths in found for path in paths] if all(found) else []


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per answer to a training question; question ids and texts are held in memory."""
    tables = {path.stem: path for path in files}
    candidates = csv_rows(tables["train_candidates"], ["question_id"], rejects)
    training = {cells[0].strip() for _, cells in candidates}
    questions = {
        number.strip(): text
        for _, (number, text) in csv_rows(tables["question"], ["question_id", "content"], rejects)
        if number.strip() in training
    }

    def record(cells: list[str]) -> Iterator[Alpaca]:
        number, answer = cells
        if number.strip() not in training:
            return  # an answer of the dev or test split
        if number.strip() not in questions:
            raise RecordError("answer to a question that is not there")
        yield Alpaca(require_text(questions[number.strip()], "question"), "", require_text(answer, "answer"))

    answers = csv_rows(tables["answer"], ["question_id", "content"], rejects)
    yield from convert_rows(answers, record, rejects)
