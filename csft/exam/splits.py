"""The exam's published splits, in the layouts they come in: validation, and test with its key apart."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from csft.cmb import ALIASES, Question, RowError, find_sub_exam, parse_rows, read_rows, row_id
from csft.console import say
from csft.errors import DataError, ExamError, SettingError
from csft.files import hash_value
from csft.rejects import Rejects

FILES = {"val": "CMB-val-merge.json", "test": "CMB-test-choice-question-merge.json"}
KEY_FILE = "CMB-test-choice-answer.json"
SOURCE = "GitHub FreedomIntelligence/CMB or the Hugging Face dataset FreedomIntelligence/CMB (Apache-2.0)"
IDS_SHOWN = 10


def load_split(root: Path, split: str, rejects: Rejects) -> list[Question]:
    """Read `val` or `test` below `root`: every question with an id, an answer and a known sub-exam.

    Rows that are no question go to `rejects`. Raises DataError for a missing file and ExamError for a
    key that does not fit its questions (missing, doubled, extra ids, another sub-exam).
    """
    if split not in FILES:
        raise SettingError("split", split, " or ".join(FILES))
    path = _find(root, _places(root, split, FILES[split]), f"The {split} questions")
    rows = read_rows(path)
    if split == "test":
        rows = _with_answers(rows, path, root)
    parsed = parse_rows(rows, path.name, rejects, need_answer=True)
    questions = list(_known(parsed, path.name, rejects))
    if not questions:
        raise ExamError(f"{path} holds no question that can be asked ({rejects}).")
    if split == "val" and any(question.id is None for question in questions):
        questions = [replace(question, id=number) for number, question in enumerate(questions, start=1)]
    _tell_aliases(questions)
    return questions


def content_hash(questions: Sequence[Question]) -> str:
    """SHA-256 of everything the questions say, in their order: part of a trial's identity."""
    return hash_value([asdict(question) for question in questions])


def id_list(ids: Iterable[object]) -> str:
    """The first ten ids and how many more there are, for messages."""
    shown = list(ids)
    more = f" and {len(shown) - IDS_SHOWN} more" if len(shown) > IDS_SHOWN else ""
    return ", ".join(str(one) for one in shown[:IDS_SHOWN]) + more


def doubled(ids: Iterable[int]) -> list[int]:
    """The ids that occur more than once, in order."""
    return sorted(one for one, times in Counter(ids).items() if times > 1)


def _with_answers(rows: list[Any], path: Path, root: Path) -> list[Any]:
    """Join test questions and key by id."""
    ids = _ids(rows, path)
    places = [root / KEY_FILE, root / "data" / KEY_FILE, path.parent / KEY_FILE]
    places += _places(root, "test", KEY_FILE)
    if not any(place.is_file() for place in places) and all(_has_answer(row) for row in rows):
        return rows
    key_path = _find(root, places, "The key of the test questions")
    key_rows = read_rows(key_path)
    key = dict(zip(_ids(key_rows, key_path), key_rows, strict=True))
    _compare(set(ids), set(key), path, key_path)
    pairs = [(row, key[number]) for row, number in zip(rows, ids, strict=True)]
    _same_sub_exams(pairs, key_path)
    return [{**row, "answer": entry.get("answer")} for row, entry in pairs]


def _ids(rows: list[Any], path: Path) -> list[int]:
    """One whole number per row, each once. Raises ExamError."""
    try:
        found = [row_id(row) if isinstance(row, Mapping) else None for row in rows]
    except RowError as reason:
        raise ExamError(f"{path}: an {reason}.") from None
    ids = [number for number in found if number is not None]
    if len(ids) < len(found):
        without = [place for place, number in enumerate(found, start=1) if number is None]
        raise ExamError(
            f"{path}: {len(without)} of {len(rows)} rows carry no id (rows {id_list(without)}). CMB's test "
            "questions and key have ids; rows without are those of the train or validation split."
        )
    if twice := doubled(ids):
        raise ExamError(f"{path}: {len(twice)} ids occur more than once: {id_list(twice)}.")
    return ids


def _compare(asked: set[int], known: set[int], path: Path, key_path: Path) -> None:
    missing, extra = sorted(asked - known), sorted(known - asked)
    problems = [f"{len(missing)} questions have no key: ids {id_list(missing)}"] if missing else []
    problems += [f"{len(extra)} key rows have no question: ids {id_list(extra)}"] if extra else []
    if problems:
        raise ExamError(f"{key_path} does not fit {path.name}: {'; '.join(problems)}.")


def _same_sub_exams(pairs: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]], key_path: Path) -> None:
    """A key row that names another sub-exam than its question belongs to another version of the exam."""
    wrong = [
        row["id"]
        for row, entry in pairs
        if "exam_class" in entry and _names(row) != _names(entry) and _names(row) is not None
    ]
    if wrong:
        raise ExamError(
            f"{key_path}: {len(wrong)} rows name another sub-exam than their question, so this key belongs "
            f"to another version of the exam: ids {id_list(wrong)}."
        )


def _names(row: Mapping[str, Any]) -> object:
    return find_sub_exam(str(row.get("exam_type")), str(row.get("exam_class")))


def _has_answer(row: object) -> bool:
    return isinstance(row, Mapping) and bool(row.get("answer"))


def _known(questions: Iterable[Question], name: str, rejects: Rejects) -> Iterator[Question]:
    for question in questions:
        if question.sub_exam is None:
            place = f"{name}: id {question.id}, {question.exam_type} / {question.exam_class}"
            rejects.add("unknown exam type or sub-exam", place)
        else:
            yield question


def _tell_aliases(questions: Sequence[Question]) -> None:
    for spelling, usual in ALIASES.items():
        if rows := sum(question.exam_class.strip() == spelling for question in questions):
            say(f"{rows} questions spell the sub-exam {usual} as {spelling}; they count as the same.")


def _places(root: Path, split: str, name: str) -> list[Path]:
    exam = root / "CMB-Exam"
    folders = (exam / f"CMB-{split}", exam, root / f"CMB-{split}", root)
    return [folder / name for folder in folders]


def _find(root: Path, places: Sequence[Path], what: str) -> Path:
    for place in places:
        if place.is_file():
            return place
    looked = "\n  ".join(dict.fromkeys(str(place) for place in places))
    raise DataError(f"{what} are not below {root}. Looked for\n  {looked}\nGet them from {SOURCE}.")
