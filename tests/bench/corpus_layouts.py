"""The generated corpus in the raw layouts of nine datasets: how a row is made up, and how it is written.

A row is a list of texts, question first and answer last, so that duplicates, malformed rows and leaked exam
questions can be planted in all datasets alike. Lengths follow the real samples or the datasets' papers.
"""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from corpus_text import Length, Speaker

from csft.cmb import SINGLE, SUB_EXAMS

LETTERS = "ABCDE"
Rows = Iterable[list[str]]


@dataclass(frozen=True)
class Layout:
    """One dataset: its language, the texts of a row, its file writer; `turns` of a row's texts are turns."""

    language: str
    make: Callable[[Speaker], list[str]]
    write: Callable[[Path, Rows], None]
    dialogue: bool = False

    def records(self, row: list[str]) -> int:
        """Training records that the row gives."""
        return len(row) // 2 if self.dialogue else 1


def _pair(question: Length, answer: Length) -> Callable[[Speaker], list[str]]:
    return lambda speaker: [speaker.say(question), speaker.say(answer)]


def _dialogue(first: Length, later: Length, answer: Length, more: float) -> Callable[[Speaker], list[str]]:
    """Pairs of turns; after each, another follows with probability `more`."""

    def make(speaker: Speaker) -> list[str]:
        said = [speaker.say(first), speaker.say(answer)]
        while speaker.chance() < more:
            said += [speaker.say(later), speaker.say(answer)]
        return said

    return make


def choice(stem: Length, options: int, explained: Length | None = None) -> Callable[[Speaker], list[str]]:
    """Stem, options, explanation if there is one, answer letter."""

    def make(speaker: Speaker) -> list[str]:
        explanation = [speaker.say(explained)] if explained else []
        letter = LETTERS[speaker.below(options)]
        return [speaker.ask(stem), *speaker.options(options), *explanation, letter]

    return make


def _write_medicaldialog(folder: Path, rows: Rows) -> None:
    with _text(folder / "processed_zh" / "train_data.json") as file:
        dialogues = (
            ",\n".join(" " * 8 + _json(f"{('病人', '医生')[at % 2]}：{said}") for at, said in enumerate(row))
            for row in rows
        )
        _elements(file, (f"    [\n{turns}\n    ]" for turns in dialogues))


def _write_discmed(folder: Path, rows: Rows) -> None:
    with _text(folder / "DISC-Med-SFT_released.jsonl") as file:
        for number, row in enumerate(rows):
            said = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(row)]
            line = {"_id": f"01-{number}", "source": "meddial", "conversation": said}
            file.write(_json(line) + "\n")


def _write_cmeddialogue(folder: Path, rows: Rows) -> None:
    path = folder / "Data_数据" / "IM_内科" / "内科5000-33000.csv"
    with _text(path, "gb18030") as file:
        file.write("department,title,ask,answer\n")
        for ask, answer in rows:
            file.write(_csv("内科", ask[:12], ask, answer))


def _write_pubmedqa(folder: Path, rows: Rows) -> None:
    with _text(folder / "data" / "ori_pqau.json") as file:
        articles = (
            {"QUESTION": question, "CONTEXTS": [answer], "MESHES": [], "LONG_ANSWER": answer}
            for question, answer in rows
        )
        _elements(file, (f'"{10**7 + at}": {_json(value)}' for at, value in enumerate(articles)), "{}")


def _write_cmb(folder: Path, rows: Rows) -> None:
    with _text(folder / "CMB-Exam" / "CMB-train" / "CMB-train-merge.json") as file:
        _elements(file, (_json(cmb_question(number, row)) for number, row in enumerate(rows)))


def cmb_question(number: int, row: list[str]) -> dict[str, Any]:
    """A row as CMB publishes it, in the sub-exam whose turn it is."""
    sub = SUB_EXAMS[number % len(SUB_EXAMS)]
    return {
        "exam_type": sub.exam_type,
        "exam_class": sub.exam_class,
        "exam_subject": sub.exam_class,
        "question": row[0],
        "answer": row[-1],
        "question_type": SINGLE,
        "option": dict(zip(LETTERS, row[1:-1], strict=True)),
    }


def _write_cmedqa2(folder: Path, rows: Rows) -> None:
    with (
        _zipped(folder, "question.csv") as questions,
        _zipped(folder, "answer.csv") as answers,
        _zipped(folder, "train_candidates.txt") as candidates,
    ):
        questions.write("question_id,content\n")
        answers.write("ans_id,question_id,content\n")
        candidates.write("question_id,pos_ans_id,neg_ans_id\n")
        for number, (question, answer) in enumerate(rows):
            questions.write(_csv(number, question))
            answers.write(_csv(number, number, answer))
            candidates.write(f"{number},{number},0\n")


def _write_webmedqa(folder: Path, rows: Rows) -> None:
    with _zipped(folder, "medQA.train.txt", "train.zip") as file:
        for number, (question, answer) in enumerate(rows):
            for label in (1, 0, 0, 0, 0):
                file.write(f"内科\t{label}\t{number}\t{question}\t{answer}\n")


def _write_medmcqa(folder: Path, rows: Rows) -> None:
    with _text(folder / "train.json") as file:
        for stem, *options, explanation, letter in rows:
            offered = {f"op{name}": text for name, text in zip("abcd", options, strict=True)}
            right = LETTERS.index(letter) + 1 if letter.strip() else None
            about = {"subject_name": "Medicine", "topic_name": None, "choice_type": "single"}
            file.write(_json({"question": stem, "exp": explanation, "cop": right, **offered, **about}) + "\n")


def _write_mlecqa(folder: Path, rows: Rows) -> None:
    with _text(folder / "Clinic_train.json") as file:
        questions = (
            {"qtext": row[0], "options": dict(zip(LETTERS, row[1:-1], strict=True)), "answer": row[-1]}
            for row in rows
        )
        _elements(file, map(_json, questions))


LAYOUTS = {
    "pubmedqa": Layout("en", _pair(Length(88, 0.33), Length(266, 0.48)), _write_pubmedqa),
    "medmcqa": Layout("en", choice(Length(50, 0.5), 4, Length(400, 0.5)), _write_medmcqa),
    "cmedqa2": Layout("zh", _pair(Length(45, 0.5), Length(92, 0.5)), _write_cmedqa2),
    "cmeddialogue": Layout("zh", _pair(Length(45, 0.52), Length(144, 0.35)), _write_cmeddialogue),
    "webmedqa": Layout("zh", _pair(Length(75, 0.5), Length(330, 0.5)), _write_webmedqa),
    "medicaldialog": Layout(
        "zh", _dialogue(Length(80, 0.9), Length(20, 0.7), Length(29, 0.7), 0.39), _write_medicaldialog, True
    ),
    "cmb": Layout("zh", choice(Length(25, 0.9), 5), _write_cmb),
    "mlecqa": Layout("zh", choice(Length(20, 0.8), 5), _write_mlecqa),
    "discmed": Layout(
        "zh", _dialogue(Length(40, 0.8), Length(22, 0.7), Length(123, 0.59), 0.66), _write_discmed, True
    ),
}
"""In the order of the paper's Table 1. HeadQA, CMID and NLPEC, half a percent of it, are left out."""


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _csv(*cells: str | int) -> str:
    return ",".join(f'"{cell}"' if "," in str(cell) else str(cell) for cell in cells) + "\n"


def _elements(file: TextIO, elements: Iterable[str], brackets: str = "[]") -> None:
    """A JSON array or object, an element a line, written as it comes."""
    file.write(brackets[0])
    for number, element in enumerate(elements):
        file.write((",\n" if number else "\n") + element)
    file.write("\n" + brackets[1])


@contextmanager
def _text(path: Path, encoding: str = "utf-8") -> Iterator[TextIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding=encoding, newline="\n", buffering=1 << 20) as file:
        yield file


@contextmanager
def _zipped(folder: Path, member: str, name: str = "") -> Iterator[TextIO]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or member.partition(".")[0] + ".zip")
    entry = zipfile.ZipInfo(member)  # without the time of day: the same bytes for the same seed
    entry.compress_type = zipfile.ZIP_DEFLATED
    with (
        zipfile.ZipFile(path, "w", compresslevel=1) as archive,
        archive.open(entry, "w", force_zip64=True) as binary,
        TextIOWrapper(binary, "utf-8", newline="\n") as file,
    ):
        yield file
