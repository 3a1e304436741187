"""Scores with their noise: exact string equality with the key, counted per sub-exam, exam type and in all."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from csft.cmb import EXAM_TYPES, SUB_EXAMS
from csft.exam.careful import LETTERS
from csft.exam.key import Key, KeyRow, check_ids, key_rows
from csft.exam.noise import Figure, figure, guess_interval, mean_intervals

PARTS = ("total", "single", "multiple", *EXAM_TYPES.values(), *(sub.key for sub in SUB_EXAMS))
"""Everything that is scored by itself, in the order it is shown."""


@dataclass(frozen=True, slots=True)
class Scores:
    """An exam's result in percent. Keys are English: `physician`, `physician/licensed_physician`.

    `figures` holds count and Wilson interval of every share: `total`, `single`, `multiple`, each exam
    type and sub-exam under these names, and the baselines `always/A` to `always/G`. `intervals` holds
    [low, high] of what is no single share: `macro`, `macro_exam_types`, `category_means/physician` and
    so on by bootstrap, and `random`, where 95 % of guessed sheets would lie. A part the exam does not
    ask has no entry, and None among the plain figures.
    """

    n: int
    unparsed: int
    unparsed_by_exam_type: dict[str, int]
    total: float  # micro: every question counts the same
    macro: float  # mean over sub-exams
    macro_exam_types: float  # mean over exam types
    single: float | None
    multiple: float | None
    by_exam_type: dict[str, float]
    by_sub_exam: dict[str, float]
    category_means: dict[str, float]  # CMB's figure per exam type: the mean of its sub-exams
    figures: dict[str, Figure]
    intervals: dict[str, list[float]]
    always: dict[str, float]  # baselines: this letter everywhere
    best_letter: str  # the best of them
    best_letter_percent: float
    random_percent: float | None  # baseline: any set of offered letters; None when options are unknown


def score(answers: Mapping[int, str], key: Key) -> Scores:
    """Score `{id: letters}` against questions or key rows as CMB publishes them.

    "" is an unparsed answer, which is wrong. Letters must equal the key's exactly, order included:
    that is CMB's rule (score.py), and four of its keys are unsorted.
    Raises ExamError for ids missing, doubled or extra and for unknown sub-exams.
    """
    rows = key_rows(key)
    check_ids(answers, rows)
    marks: dict[str, list[bool]] = defaultdict(list)
    unparsed: Counter[str] = Counter()
    for row in rows:
        for part in row.parts:
            marks[part].append(answers[row.id] == row.answer)
            unparsed[part] += answers[row.id] == ""
    figures = {part: figure(sum(marks[part]), len(marks[part])) for part in PARTS if part in marks}
    return _scores(figures | _always(rows), rows, unparsed)


def _scores(figures: dict[str, Figure], rows: Sequence[KeyRow], unparsed: Mapping[str, int]) -> Scores:
    percent = {part: one.percent for part, one in figures.items()}
    by_sub_exam = {sub.key: percent[sub.key] for sub in SUB_EXAMS if sub.key in percent}
    by_exam_type = {key: percent[key] for key in EXAM_TYPES.values() if key in percent}
    always = {letter: percent[f"always/{letter}"] for letter in LETTERS}
    best = max(always, key=lambda letter: always[letter])
    chances = _chances(rows)
    intervals = mean_intervals({key: figures[key] for key in by_sub_exam})
    return Scores(
        n=len(rows),
        unparsed=unparsed["total"],
        unparsed_by_exam_type={key: unparsed[key] for key in by_exam_type},
        total=percent["total"],
        macro=_mean(by_sub_exam.values()),
        macro_exam_types=_mean(by_exam_type.values()),
        single=percent.get("single"),
        multiple=percent.get("multiple"),
        by_exam_type=by_exam_type,
        by_sub_exam=by_sub_exam,
        category_means={key: _category_mean(key, by_sub_exam) for key in by_exam_type},
        figures=figures,
        intervals=intervals | ({"random": guess_interval(chances)} if chances else {}),
        always=always,
        best_letter=best,
        best_letter_percent=always[best],
        random_percent=100 * _mean(chances) if chances else None,
    )


def _category_mean(exam_type: str, by_sub_exam: Mapping[str, float]) -> float:
    return _mean(value for name, value in by_sub_exam.items() if name.startswith(f"{exam_type}/"))


def _always(rows: Sequence[KeyRow]) -> dict[str, Figure]:
    keys = Counter(row.answer for row in rows)
    return {f"always/{letter}": figure(keys[letter], len(rows)) for letter in LETTERS}


def _chances(rows: Sequence[KeyRow]) -> list[float]:
    """What a guess has: one of the letters in a single choice, one of all non-empty sets in a multiple one.

    Empty when the options of a question are unknown.
    """
    if not all(row.options for row in rows):
        return []
    return [1 / (2**row.options - 1) if row.multiple else 1 / row.options for row in rows]


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return math.fsum(numbers) / len(numbers)
