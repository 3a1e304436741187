"""Answers on disk as they come, so that an exam that was killed goes on where it was.

{"key": "…"}                                  what is asked of what; another exam's answers are not taken
[{"id": 1, "letters": "A", …}, …]             one line per finished batch, written at once
"""

import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from csft.cmb import Question
from csft.console import bar, say
from csft.exam.prediction import Prediction
from csft.files import whole_file


class KeptAnswers:
    """The finished batches of one exam; `key` names model, questions and asking."""

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key

    def read(self) -> dict[int, Prediction]:
        """Answers of earlier attempts by id; a line that a kill left torn is not among them."""
        found: dict[int, Prediction] = {}
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else []
        if lines and _json(lines[0]) != {"key": self.key}:
            say(f"{self.path} holds answers of another exam or model: they are not used")
            lines = []
        whole = [line for line in lines if line.endswith(b"\n")]
        for batch in filter(_is_batch, map(_json, whole[1:])):
            found |= {row["id"]: Prediction(**row) for row in batch}
        return found

    def begin(self) -> dict[int, Prediction]:
        """Give what is there, and leave a file that the next batch can be added to."""
        found = self.read()
        with whole_file(self.path) as temporary:
            lines = json.dumps({"key": self.key}) + "\n" + (_line(list(found.values())) if found else "")
            temporary.write_text(lines, encoding="utf-8", errors="replace")
        return found

    def add(self, answers: Sequence[Prediction]) -> None:
        """Keep a batch: one write, on the disk when this returns."""
        with self.path.open("ab", buffering=0) as file:
            file.write(_line(answers).encode(errors="replace"))
            os.fsync(file.fileno())

    def remove(self) -> None:
        """The exam is over and its answers are elsewhere."""
        self.path.unlink(missing_ok=True)


def going_on(
    questions: Sequence[Question],
    kept: KeptAnswers | None,
    compute: Callable[[Collection[int]], Iterable[list[Prediction]]],
) -> Iterator[list[Prediction]]:
    """Answers of an earlier attempt at once, then those that `compute` gives where they are not known.

    What is computed is kept before it is given; a bar tells how far the exam is.
    """
    known = kept.begin() if kept else {}
    done = [known[question.id] for question in questions if question.id in known]
    with bar("exam", "question", len(questions), done=len(done)) as progress:
        if done:
            yield done
        for answers in compute(known.keys()):
            if kept:
                kept.add(answers)
            progress.update(len(answers))
            yield answers


def _line(answers: Sequence[Prediction]) -> str:
    return json.dumps([asdict(one) for one in answers], ensure_ascii=False) + "\n"


def _json(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _is_batch(read: Any) -> bool:
    fields = set(Prediction.__dataclass_fields__)
    return isinstance(read, list) and all(isinstance(row, Mapping) and set(row) == fields for row in read)
