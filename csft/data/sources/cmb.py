"""CMB's own training questions. Text: preprocess/cmb_to_sft.py of the authors, without its `eval`."""

from collections.abc import Iterator
from pathlib import Path

from csft.cmb import TRAIN_FILE, placed_questions
from csft.data.alpaca import Alpaca
from csft.data.sources.records import BLANK_OPTION, ask
from csft.raw import first_layout
from csft.rejects import Rejects

EXPECTED = (
    f"CMB-Exam/CMB-train/{TRAIN_FILE}, as on GitHub and the hub, or the published zip that holds it, or the "
    "hub's Parquet conversion (CMB-Exam/train/*.parquet)"
)


def find(folder: Path) -> list[Path]:
    """The merged training file, with or without its folders, else the zip, else the hub's conversion."""
    return first_layout(
        folder,
        [f"CMB-Exam/CMB-train/{TRAIN_FILE}"],
        [f"CMB-train/{TRAIN_FILE}"],
        [TRAIN_FILE],
        [f"*.zip!{TRAIN_FILE}", f"data/*.zip!{TRAIN_FILE}"],
        *([f"{config}/train/*.parquet"] for config in ("CMB-Exam", "exam", "default", "main")),
        *([f"{config}/train-*.parquet"] for config in ("CMB-Exam", "exam", "data", "main")),
    )


def convert(files: list[Path], rejects: Rejects) -> Iterator[Alpaca]:
    """One record per question; an option without text gets no line."""
    for path in files:
        for where, question in placed_questions(path, rejects, need_answer=True):
            offered = question.offered
            for _ in range(len(question.options) - len(offered)):
                rejects.note(BLANK_OPTION, where)
            yield Alpaca(
                f"该问题源自{question.exam_type}，面向{question.exam_class}中的{question.exam_subject}。\n\n",
                ask(question.question, offered),
                f"答案是{question.answer}。",
            )
