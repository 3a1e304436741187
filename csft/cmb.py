"""CMB's own files: exam types, sub-exams and questions, read for training and for the exam alike.

Source: FreedomIntelligence/CMB. `CMB-train-merge.json`, `CMB-val-merge.json` and
`CMB-test-choice-question-merge.json` are JSON arrays of one object per question; the hub's Parquet
conversion has the same fields.
"""

import ast
import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from csft.errors import DataError
from csft.raw import Raw, elements, is_unicode, json_array, parquet_rows, parts
from csft.raw.text import Row
from csft.rejects import Rejects

SINGLE, MULTIPLE = "单项选择题", "多项选择题"
TRAIN_FILE = "CMB-train-merge.json"
ID_LIMIT = 20  # characters; Python itself refuses to read numbers of thousands
OPTION_LIMIT = 20_000  # characters of all options together
OPTION_NUMBERS = 1e15  # an option that is no text is a year, a dose, a share
FIELDS = ("id", "exam_type", "exam_class", "exam_subject", "question", "answer", "question_type", "option",
          "explanation")  # fmt: skip

# The hierarchy of CMB-test-choice-hierarchy.json: exam type -> (key, {sub-exam -> key}).
HIERARCHY: dict[str, tuple[str, dict[str, str]]] = {
    "医师考试": (
        "physician",
        {
            "规培结业": "residency_completion",
            "执业助理医师": "assistant_physician",
            "执业医师": "licensed_physician",
            "中级职称": "intermediate_title",
            "高级职称": "senior_title",
        },
    ),
    "护理考试": (
        "nursing",
        {
            "护士执业资格": "licensed_nurse",
            "护师执业资格": "senior_nurse",
            "主管护师": "charge_nurse",
            "高级护师": "advanced_nurse",
        },
    ),
    "药师考试": (
        "pharmacist",
        {
            "执业西药师": "licensed_pharmacist",
            "执业中药师": "licensed_tcm_pharmacist",
            "初级药士": "junior_pharmacy_technician",
            "初级药师": "junior_pharmacist",
            "初级中药士": "junior_tcm_pharmacy_technician",
            "初级中药师": "junior_tcm_pharmacist",
            "主管药师": "chief_pharmacist",
            "主管中药师": "chief_tcm_pharmacist",
        },
    ),
    "医技考试": (
        "technician",
        {"医技士": "junior_technician", "医技师": "technician", "主管技师": "chief_technician"},
    ),
    "专业知识考试": (
        "knowledge",
        {
            "基础医学": "basic_medicine",
            "临床医学": "clinical_medicine",
            "预防医学与公共卫生学": "public_health",
            "中医学与中药学": "tcm",
        },
    ),
    "医学考研": (
        "postgraduate",
        {
            "护理学": "nursing",
            "考研政治": "politics",
            "西医综合": "western_medicine",
            "中医综合": "tcm",
        },
    ),
}

# CMB's catalogue writes one sub-exam differently from its data; both spellings mean the same one.
ALIASES = {"中医学和中药学": "中医学与中药学"}

EXAM_TYPES: dict[str, str] = {name: key for name, (key, _) in HIERARCHY.items()}
"""The six exam types, Chinese name -> English key."""


@dataclass(frozen=True, slots=True)
class SubExam:
    """One of CMB's 28 sub-exams; `key` is `physician/licensed_physician`."""

    exam_type: str
    exam_class: str
    exam_type_key: str
    key: str


SUB_EXAMS: tuple[SubExam, ...] = tuple(
    SubExam(exam_type, exam_class, type_key, f"{type_key}/{class_key}")
    for exam_type, (type_key, classes) in HIERARCHY.items()
    for exam_class, class_key in classes.items()
)
"""All 28 sub-exams in CMB's order."""

_BY_NAMES = {(sub.exam_type, sub.exam_class): sub for sub in SUB_EXAMS}


@cache
def find_sub_exam(exam_type: str, exam_class: str) -> SubExam | None:
    """The sub-exam of these Chinese names (catalogue spellings included), or None."""
    return _BY_NAMES.get((exam_type.strip(), ALIASES.get(exam_class.strip(), exam_class.strip())))


@dataclass(frozen=True, slots=True)
class Question:
    """One question as its file has it; `answer` holds the key's letters in the key's own order."""

    id: int | None
    exam_type: str
    exam_class: str
    exam_subject: str
    question_type: str
    question: str
    options: dict[str, str]  # letters in order; a blank text is an option that is not offered
    answer: str  # "" = unknown, as in the published test questions
    explanation: str = ""

    @property
    def sub_exam(self) -> SubExam | None:
        """Which of the 28 sub-exams asks this, None for any other name."""
        return find_sub_exam(self.exam_type, self.exam_class)

    @property
    def offered(self) -> dict[str, str]:
        """The options that have a text."""
        return {letter: text for letter, text in self.options.items() if text.strip()}

    @property
    def single(self) -> bool:
        """True for 单项选择题: exactly one letter is asked for."""
        return self.question_type != MULTIPLE


class RowError(ValueError):
    """Why a row is no question; the text is the reason it is counted under."""


def read_questions(path: Path, rejects: Rejects, need_answer: bool = False) -> Iterator[Question]:
    """Stream one of CMB's files; rows that are no question go to `rejects` with their place.

    A row is set aside when a field is missing or of a wrong type, when no option has a text, or when
    its answer is not among the options that have one. Unknown exam names stay: training can use them,
    and the exam looks at `Question.sub_exam`. `need_answer` sets unanswered rows aside too.
    Raises DataError for a file that is missing, damaged or no JSON array.
    """
    return (question for _, question in placed_questions(path, rejects, need_answer))


def placed_questions(
    path: Path, rejects: Rejects, need_answer: bool = False
) -> Iterator[tuple[str, Question]]:
    """Like `read_questions`, each question with its place; `path` may be the published zip too."""
    with _told(path):
        for raw in parts([path], TRAIN_FILE):
            rows = table_rows(raw, rejects) if raw.is_parquet else json_array(raw, rejects)
            yield from _parsed(rows, rejects, need_answer)


def parse_rows(
    rows: Sequence[Any], name: str, rejects: Rejects, need_answer: bool = False
) -> Iterator[Question]:
    """The questions among `rows`; the others go to `rejects`, with `name` and row number as their place."""
    placed = ((f"{name}: row {number}", row) for number, row in enumerate(rows, start=1))
    return (question for _, question in _parsed(placed, rejects, need_answer))


def read_rows(path: Path) -> list[Any]:
    """The rows of a JSON array as they are. Raises DataError naming file and position."""
    with _told(path):
        # Bytes that are not UTF-8 become lone surrogates, which set their own row aside and not the file.
        return [row for raw in parts([path]) for row, _ in elements(raw)]


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except OSError as problem:
        raise DataError(f"{path} cannot be read: {problem.strerror or problem}.") from None


def _parsed(rows: Iterable[Row], rejects: Rejects, need_answer: bool) -> Iterator[tuple[str, Question]]:
    for where, row in rows:
        rejects.topics += 1
        try:
            question = as_question(row)
            if need_answer and not question.answer:
                raise RowError("no answer")
        except RowError as reason:
            rejects.add(str(reason), where)
        else:
            yield where, question


def table_rows(raw: Raw, rejects: Rejects) -> Iterator[Row]:
    """The rows of the hub's Parquet conversion with their places.

    A table of questions has a column per letter, so an option that a question lacks is null in it.
    """
    for where, row in parquet_rows(raw, FIELDS, rejects):
        if isinstance(option := row.get("option"), dict):
            row["option"] = {letter: text for letter, text in option.items() if text is not None}
        yield where, row


def as_question(row: Any) -> Question:
    """Check one row. Raises RowError with the reason."""
    if not isinstance(row, Mapping):
        raise RowError("not an object")
    options = read_options(row)
    question = Question(
        id=row_id(row),
        exam_type=_text(row, "exam_type"),
        exam_class=_text(row, "exam_class"),
        exam_subject=_text(row, "exam_subject"),
        question_type=_text(row, "question_type"),
        question=_text(row, "question"),
        options=options,
        answer=_text(row, "answer", needed=False).strip(),
        explanation=_text(row, "explanation", needed=False),
    )
    if question.question_type not in (SINGLE, MULTIPLE):
        raise RowError("unknown question_type")
    check_answer(question)
    return question


def check_answer(question: Question) -> None:
    """Raise RowError unless the answer is empty or names offered options, one only in a single choice."""
    letters = question.answer
    if not set(letters) <= question.offered.keys():
        raise RowError("answer not among the options")
    if len(set(letters)) != len(letters):
        raise RowError("answer repeats a letter")
    if question.single and len(letters) > 1:
        raise RowError("several answers to a single choice")


def read_options(row: Mapping[str, Any]) -> dict[str, str]:
    """`option` as an object, or as the string form of a Python dict (the hub's way), letters sorted."""
    option = row.get("option")
    if isinstance(option, str):
        option = _literal(option)
    if not isinstance(option, Mapping):
        raise RowError("no option")
    options = {str(letter).strip(): _option_text(text) for letter, text in option.items()}
    if len(options) < len(option):
        raise RowError("option letter twice")
    if not all(len(letter) == 1 and "A" <= letter <= "Z" for letter in options):
        raise RowError("option key is not a letter")
    if not any(text.strip() for text in options.values()):
        raise RowError("no option")
    return dict(sorted(options.items()))


def _literal(text: str) -> Any:
    """A Python literal or JSON, never evaluated; a text far longer than any question's is not tried."""
    for read in (ast.literal_eval, json.loads) if len(text) < OPTION_LIMIT else ():
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    raise RowError("option is not readable")


def _option_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _unicode(value)
    if isinstance(value, int | float) and abs(value) < OPTION_NUMBERS:
        return str(value)
    raise RowError("option text of a wrong type")


def _text(row: Mapping[str, Any], field: str, needed: bool = True) -> str:
    value = row.get(field)
    if value is None and not needed:
        return ""
    if value is None:
        raise RowError(f"no {field}")
    if not isinstance(value, str):
        raise RowError(f"{field} of a wrong type")
    if needed and not value.strip():
        raise RowError(f"no {field}")
    return _unicode(value)


def _unicode(text: str) -> str:
    """Lone surrogates can be neither written nor tokenised."""
    if not is_unicode(text):
        raise RowError("not valid Unicode")
    return text


def row_id(row: Mapping[str, Any]) -> int | None:
    """A row's `id`, None if it has none. Raises RowError when it is no whole number."""
    value = row.get("id")
    if (
        isinstance(value, str)
        and value.strip().isascii()
        and value.strip().isdigit()
        and len(value) < ID_LIMIT
    ):
        return int(value)
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise RowError("id is not a whole number")
