"""CMB's own training questions. Text: preprocess/cmb_to_sft.py of the authors, without its `eval`."""

from collections.abc import Iterator
from pathlib import Path

from csft.cmb import read_questions
from csft.data.alpaca import Alpaca
from csft.data.sources.raw import first_layout
from csft.data.sources.records import ask
from csft.rejects import Rejects

EXPECTED = "CMB-Exam/CMB-train/CMB-train-merge.json"


def find(folder: Path) -> list[Path]:
    """The merged training file, with or without its folders."""
    name = "CMB-train-merge.json"
    return first_layout(folder, [f"CMB-Exam/CMB-train/{name}"], [f"CMB-train/{name}"], [name])


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per question; an option without text gets no line."""
    for path in files:
        for question in read_questions(path, rejects, need_answer=True):
            yield Alpaca(
                f"该问题源自{question.exam_type}，面向{question.exam_class}中的{question.exam_subject}。\n\n",
                ask(question.question, question.offered),
                f"答案是{question.answer}。",
            )
