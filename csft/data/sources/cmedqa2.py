"""cMedQA2: patients' questions and doctors' answers. Text: preprocess/cmedqa2_to_sft.py of the authors.

Questions and answers of all splits lie in two files; train_candidates says which questions are training.
"""

from collections.abc import Iterator
from pathlib import Path

from csft.data.alpaca import Alpaca
from csft.data.sources.records import Losses, RecordError, convert_rows, require_text
from csft.raw import csv_rows, first_layout, parts
from csft.rejects import Rejects

_TABLES = ("answer", "question", "train_candidates")
EXPECTED = "question.zip, answer.zip and train_candidates.zip (each also as .csv or .txt)"


def find(folder: Path) -> list[Path]:
    """The three tables, or nothing when one is missing."""
    found = [
        first_layout(folder, *([f"{table}.{end}", f"{table}s.{end}"] for end in ("zip", "csv", "txt")))[:1]
        for table in _TABLES
    ]
    return [path for paths in found for path in paths] if all(found) else []


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per answer to a training question; a topic is a training question.

    The 100,000 training questions are held in memory, the answers are streamed.
    """
    answer, question, candidates = parts(sorted(files))
    training = {cells[0].strip() for _, cells in csv_rows(candidates, ["question_id"], rejects)}
    questions = {
        number.strip(): text
        for _, (number, text) in csv_rows(question, ["question_id", "content"], rejects)
        if number.strip() in training
    }
    rejects.topics += len(training)

    def record(cells: list[str], _: Losses) -> Iterator[Alpaca]:
        number, text = cells[0].strip(), cells[1]
        if number not in training:
            return  # an answer of the dev or test split
        if number not in questions:
            raise RecordError("answer to a question that is not there")
        yield Alpaca(require_text(questions[number], "question"), "", require_text(text, "answer"))

    answers = csv_rows(answer, ["question_id", "content"], rejects)
    yield from convert_rows(answers, record, rejects, topics=False)
