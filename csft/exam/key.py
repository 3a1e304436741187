"""The key of an exam: the right letters per question, and whether a sheet of answers fits it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from csft.cmb import MULTIPLE, Question, RowError, SubExam, find_sub_exam, row_id
from csft.errors import ExamError
from csft.exam.splits import doubled, id_list

Key = Sequence[Question | Mapping[str, Any]]
"""Questions with their answers, or key rows as CMB publishes them."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """What scoring needs of one question."""

    id: int
    sub_exam: SubExam
    multiple: bool
    answer: str  # letters in the key's own order
    options: int  # how many are offered, 0 = unknown: published key rows do not show them

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """The names of everything this question counts in: all, its kind, exam type and sub-exam."""
        kind = "multiple" if self.multiple else "single"
        return "total", kind, self.sub_exam.exam_type_key, self.sub_exam.key


def key_rows(key: Key) -> list[KeyRow]:
    """Read a key. Raises ExamError for an empty one, doubled ids and rows without a known sub-exam."""
    if not key:
        raise ExamError("The key is empty: there is nothing to score.")
    read = [_key_row(entry) for entry in key]
    rows = [row for row in read if row is not None]
    if len(rows) < len(read):
        place = read.index(None)
        raise ExamError(
            f"{len(read) - len(rows)} of {len(read)} key rows lack a usable id, sub-exam or answer; "
            f"the first is row {place + 1}: {_shown(key[place])}."
        )
    if twice := doubled(row.id for row in rows):
        raise ExamError(f"The key holds {len(twice)} ids more than once: {id_list(twice)}.")
    return rows


def check_ids(answers: Mapping[int, object], rows: Sequence[KeyRow], what: str = "Answers") -> None:
    """Raise ExamError unless there is one text per question; `what` names the sheet in the message."""
    known = {row.id for row in rows}
    missing, extra = sorted(known - answers.keys()), sorted(answers.keys() - known, key=str)
    problems = [f"{len(missing)} questions have no answer: ids {id_list(missing)}"] if missing else []
    problems += [f"{len(extra)} answers have no question: ids {id_list(extra)}"] if extra else []
    strange = [number for number, letters in answers.items() if not isinstance(letters, str)]
    problems += [f"answers that are not text: ids {id_list(strange)}"] if strange else []
    if problems:
        raise ExamError(f"{what} and key do not fit: {'; '.join(problems)}.")


def _key_row(entry: Any) -> KeyRow | None:
    answer: Any
    if isinstance(entry, Question):
        number, sub_exam, options = entry.id, entry.sub_exam, len(entry.offered)
        kind, answer = entry.question_type, entry.answer
    elif isinstance(entry, Mapping):
        number, options = usable_id(entry), 0
        sub_exam = find_sub_exam(str(entry.get("exam_type")), str(entry.get("exam_class")))
        kind, answer = str(entry.get("question_type")), entry.get("answer")
    else:
        return None
    if number is None or sub_exam is None or not isinstance(answer, str) or not answer:
        return None
    return KeyRow(number, sub_exam, kind == MULTIPLE, answer, options)


def usable_id(entry: Mapping[str, Any]) -> int | None:
    """A row's `id` if it is a whole number, also one written as text."""
    try:
        return row_id(entry)
    except RowError:
        return None


def _shown(entry: Any) -> str:
    row = asdict(entry) if isinstance(entry, Question) else entry
    if not isinstance(row, Mapping):
        return "not an object"
    return ", ".join(f"{name} {row.get(name)!r}" for name in ("id", "exam_type", "exam_class", "answer"))
