"""Scores with their noise: exact string equality with the key, counted per sub-exam, exam type and in all."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from csft.cmb import EXAM_TYPES, MULTIPLE, SUB_EXAMS, Question, RowError, SubExam, find_sub_exam, row_id
from csft.errors import ExamError
from csft.exam.answers import LETTERS
from csft.exam.splits import doubled, id_list

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Figure:
    """`correct` of `n`; `percent` with its 95 % Wilson interval from `low` to `high`, in percent."""

    percent: float
    correct: int
    n: int
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Scores:
    """An exam's result in percent. Keys are English: `physician`, `physician/licensed_physician`.

    `figures` holds count and interval of `total`, `single`, `multiple`, every exam type and sub-exam
    under these names. A part the exam does not ask has no entry, and None among the plain figures.
    """

    n: int
    unparsed: int
    total: float  # micro: every question counts the same
    macro: float  # mean over sub-exams
    macro_exam_types: float  # mean over exam types
    single: float | None
    multiple: float | None
    by_exam_type: dict[str, float]
    by_sub_exam: dict[str, float]
    category_means: dict[str, float]  # CMB's figure per exam type: the mean of its sub-exams
    figures: dict[str, Figure]
    best_letter: str
    best_letter_percent: float  # baseline: the same letter everywhere
    random_percent: float | None  # baseline: any set of offered letters; None when options are unknown


@dataclass(frozen=True, slots=True)
class _KeyRow:
    id: int
    sub_exam: SubExam
    multiple: bool
    answer: str
    options: int  # how many are offered, 0 = unknown


def score(answers: Mapping[int, str], key: Sequence[Question | Mapping[str, Any]]) -> Scores:
    """Score `{id: letters}` against questions or key rows as CMB publishes them.

    "" is an unparsed answer, which is wrong. Letters must equal the key's exactly, order included:
    that is CMB's rule (src/score_test.py), and four of its keys are unsorted.
    Raises ExamError for ids missing, doubled or extra and for unknown sub-exams.
    """
    rows = _key_rows(key)
    _check_ids(answers, rows)
    marks: dict[str, list[bool]] = defaultdict(list)
    for row in rows:
        right = answers[row.id] == row.answer
        kind = "multiple" if row.multiple else "single"
        for part in ("total", kind, row.sub_exam.exam_type_key, row.sub_exam.key):
            marks[part].append(right)
    figures = {part: figure(sum(marks[part]), len(marks[part])) for part in _parts() if part in marks}
    return _scores(figures, rows, sum(answers[row.id] == "" for row in rows))


def figure(correct: int, n: int) -> Figure:
    """A share in percent with its Wilson interval."""
    from scipy.stats import binomtest

    interval = binomtest(correct, n).proportion_ci(confidence_level=CONFIDENCE, method="wilson")
    return Figure(100 * correct / n, correct, n, 100 * float(interval.low), 100 * float(interval.high))


def _scores(figures: dict[str, Figure], rows: Sequence[_KeyRow], unparsed: int) -> Scores:
    percent = {part: figure.percent for part, figure in figures.items()}
    by_sub_exam = {sub.key: percent[sub.key] for sub in SUB_EXAMS if sub.key in percent}
    by_exam_type = {key: percent[key] for key in EXAM_TYPES.values() if key in percent}
    letter, letter_percent = _best_letter(rows)
    return Scores(
        n=len(rows),
        unparsed=unparsed,
        total=percent["total"],
        macro=_mean(by_sub_exam.values()),
        macro_exam_types=_mean(by_exam_type.values()),
        single=percent.get("single"),
        multiple=percent.get("multiple"),
        by_exam_type=by_exam_type,
        by_sub_exam=by_sub_exam,
        category_means={
            key: _mean(value for name, value in by_sub_exam.items() if name.startswith(f"{key}/"))
            for key in by_exam_type
        },
        figures=figures,
        best_letter=letter,
        best_letter_percent=letter_percent,
        random_percent=_random(rows),
    )


def _parts() -> list[str]:
    return ["total", "single", "multiple", *EXAM_TYPES.values(), *(sub.key for sub in SUB_EXAMS)]


def _key_rows(key: Sequence[Question | Mapping[str, Any]]) -> list[_KeyRow]:
    if not key:
        raise ExamError("The key is empty: there is nothing to score.")
    rows = [_key_row(entry) for entry in key]
    if twice := doubled(row.id for row in rows):
        raise ExamError(f"The key holds {len(twice)} ids more than once: {id_list(twice)}.")
    return rows


def _key_row(entry: Question | Mapping[str, Any]) -> _KeyRow:
    if isinstance(entry, Question):
        number, options = entry.id, len(entry.offered)
        names, kind = (entry.exam_type, entry.exam_class), entry.question_type
        answer: Any = entry.answer
    else:
        try:
            number, options = row_id(entry), 0
        except RowError:
            number = None
        names = (str(entry.get("exam_type")), str(entry.get("exam_class")))
        kind, answer = str(entry.get("question_type")), entry.get("answer")
    sub_exam = find_sub_exam(*names)
    if number is None or sub_exam is None or not isinstance(answer, str) or not answer:
        shown = f"id {number}, {names[0]} / {names[1]}, answer {answer!r}"
        raise ExamError(f"A key row lacks a usable id, sub-exam or answer: {shown}.")
    return _KeyRow(number, sub_exam, kind == MULTIPLE, answer, options)


def _check_ids(answers: Mapping[int, str], rows: Sequence[_KeyRow]) -> None:
    known = {row.id for row in rows}
    missing, extra = sorted(known - answers.keys()), sorted(answers.keys() - known, key=str)
    problems = [f"{len(missing)} questions have no answer: ids {id_list(missing)}"] if missing else []
    problems += [f"{len(extra)} answers have no question: ids {id_list(extra)}"] if extra else []
    strange = [number for number, letters in answers.items() if not isinstance(letters, str)]
    problems += [f"answers that are not text: ids {id_list(strange)}"] if strange else []
    if problems:
        raise ExamError("Answers and key do not fit: " + "; ".join(problems) + ".")


def _best_letter(rows: Sequence[_KeyRow]) -> tuple[str, float]:
    shares = {letter: 100 * sum(row.answer == letter for row in rows) / len(rows) for letter in LETTERS}
    letter = max(shares, key=lambda one: shares[one])
    return letter, shares[letter]


def _random(rows: Sequence[_KeyRow]) -> float | None:
    """One of the letters in a single choice, one of all non-empty sets in a multiple one."""
    if not all(row.options for row in rows):
        return None
    return 100 * _mean(1 / (2**row.options - 1) if row.multiple else 1 / row.options for row in rows)


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers)
