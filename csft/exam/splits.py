"""The exam's published splits, in the layouts they come in: validation, and test with its key apart."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from csft.cmb import ALIASES, TRAIN_FILE, Question, RowError, find_sub_exam, parse_rows, row_id, table_rows
from csft.console import say
from csft.errors import DataError, ExamError, MissingError, SettingError
from csft.files import hash_value
from csft.raw import Raw, elements, first_layout, parts
from csft.rejects import Rejects

FILES = {"val": "CMB-val-merge.json", "test": "CMB-test-choice-question-merge.json"}
KEY_FILE = "CMB-test-choice-answer.json"
SOURCE = "GitHub FreedomIntelligence/CMB or the Hugging Face dataset FreedomIntelligence/CMB (Apache-2.0)"
IDS_SHOWN = 10

# Folders and split names of the hub's Parquet conversion, today's and earlier ones.
CONFIGS = ("CMB-Exam", "exam", "default", "main", "data", ".")
_FIELDS = tuple(field.name for field in fields(Question))
HUB_SPLITS = {"val": ("val", "validation"), "test": ("test",)}


def load_split(root: Path, split: str, rejects: Rejects) -> list[Question]:
    """Read `val` or `test` below `root`: every question with an id, an answer and a known sub-exam.

    Taken are CMB's own JSON files, unpacked or in a zip, else the hub's Parquet conversion; validation rows,
    which have no ids, are numbered from 1. Rows that are no question go to `rejects`. Raises MissingError, a
    DataError, for a missing file, DataError for a damaged one, and ExamError for rows that look like
    CMB-train's, for a file that is there twice, and for a key that does not fit its questions (missing,
    doubled, extra ids, another sub-exam).
    """
    files = _question_files(root, split)
    raws = _one_copy(files, FILES[split]) or _missing(root, f"The {split} questions", split, FILES[split])
    rows = _read(raws, rejects)
    _refuse_training_rows(rows, split, raws[0])
    rows = _with_answers(rows, raws[0], root, rejects) if split == "test" else _numbered(rows, raws[0])
    parsed = parse_rows(rows, raws[0].name, rejects, need_answer=True)
    questions = list(_known(parsed, raws[0].name, rejects))
    if not questions:
        raise ExamError(f"{raws[0]} holds no question that can be asked ({rejects}).")
    _tell_aliases(questions)
    return questions


def split_files(root: Path, split: str) -> list[Path]:
    """The files that `load_split` reads, the key's among them: what they hold decides what it gives."""
    files = _question_files(root, split)
    return [*files, *(_key_files(root, files[0].parent) if split == "test" and files else ())]


def content_hash(questions: Sequence[Question]) -> str:
    """SHA-256 of everything the questions say, in their order: part of a trial's identity."""
    return hash_value([{name: getattr(question, name) for name in _FIELDS} for question in questions])


def id_list(ids: Iterable[object]) -> str:
    """The first ten ids and how many more there are, for messages."""
    shown = list(ids)
    more = f" and {len(shown) - IDS_SHOWN} more" if len(shown) > IDS_SHOWN else ""
    return ", ".join(str(one) for one in shown[:IDS_SHOWN]) + more


def doubled(ids: Iterable[int]) -> list[int]:
    """The ids that occur more than once, in order."""
    return sorted(one for one, times in Counter(ids).items() if times > 1)


# --- files ------------------------------------------------------------------------------------------


def _question_files(root: Path, split: str) -> list[Path]:
    if split not in FILES:
        raise SettingError("split", split, " or ".join(FILES))
    return first_layout(root, *_layouts(split, FILES[split]), *_hub_layouts(split))


def _key_files(root: Path, beside: Path) -> list[Path]:
    """The key of the test questions: at the top, beside them, or wherever they may lie themselves."""
    return (
        first_layout(root, [KEY_FILE], [f"data/{KEY_FILE}"])
        or first_layout(beside, [KEY_FILE])
        or first_layout(root, *_layouts("test", KEY_FILE))
    )


def _layouts(split: str, name: str) -> list[list[str]]:
    """Where a JSON file may lie: the usual folders, then below one more (`data/`), then inside a zip."""
    places = (f"CMB-Exam/CMB-{split}/", "CMB-Exam/", f"CMB-{split}/", "")
    below = [[f"{upper}{place}{name}"] for upper in ("", "*/") for place in places]
    return [*below, [f"**/*.zip!{name}"]]


def _hub_layouts(split: str) -> list[list[str]]:
    """`CMB-Exam/val/0000.parquet`, `CMB-Exam/val-00000-of-00001.parquet`, `exam/cmb-validation.parquet` …"""
    return [
        [f"{config}/{word}/*.parquet", f"{config}/{word}-*.parquet", f"{config}/cmb-{word}.parquet"]
        for word in HUB_SPLITS[split]
        for config in CONFIGS
    ]


def _one_copy(files: Sequence[Path], name: str) -> list[Raw]:
    """What to read. Two copies of a JSON file may differ, so ExamError names them; tables come in parts."""
    raws = list(parts(files, name))
    if len(raws) > 1 and not all(raw.is_parquet for raw in raws):
        places = "\n  ".join(str(raw) for raw in raws)
        raise ExamError(f"{name} is there {len(raws)} times. Leave one of\n  {places}")
    return raws


def _missing(root: Path, what: str, split: str, name: str, hub: bool = True) -> list[Raw]:
    looked = [pattern for (pattern,) in _layouts(split, name)[:4]]
    looked.append("the same one folder further down, or in any zip")
    looked += [f"CMB-Exam/{split}/*.parquet and other names of the hub's conversion"] if hub else []
    places = "\n  ".join(looked)
    raise MissingError(f"{what} are not below {root}. Looked there for\n  {places}\nGet them from {SOURCE}.")


def _read(raws: Iterable[Raw], rejects: Rejects) -> list[Any]:
    rows: list[Any] = []
    for raw in raws:
        try:
            # Bytes that are not UTF-8 become lone surrogates, which set their own row aside and not the file.
            rows += _rows(raw, rejects)
        except OSError as problem:
            raise DataError(f"{raw} cannot be read: {problem.strerror or problem}.") from problem
    return rows


def _rows(raw: Raw, rejects: Rejects) -> Iterator[Any]:
    if raw.is_parquet:
        return (row for _, row in table_rows(raw, rejects))
    return (row for row, _ in elements(raw))


# --- rows -------------------------------------------------------------------------------------------


def _refuse_training_rows(rows: Sequence[Any], split: str, raw: Raw) -> None:
    """Validation rows are the ones with explanations, test rows those with ids; CMB-train has neither."""
    field = {"val": "explanation", "test": "id"}[split]
    if rows and not any(isinstance(row, Mapping) and row.get(field) not in (None, "") for row in rows):
        raise ExamError(
            f"{raw}: none of its {len(rows)} rows carries an {field}, which the {split} split has. This is "
            f"probably {TRAIN_FILE} under another name; an exam on training questions measures nothing. "
            f"Get {FILES[split]} from {SOURCE}."
        )


def _numbered(rows: list[Any], raw: Raw) -> list[Any]:
    """Validation rows by their place in the file, unless they carry ids."""
    if any(isinstance(row, Mapping) and row.get("id") is not None for row in rows):
        _ids(rows, raw)
        return rows
    places = enumerate(rows, start=1)
    return [{**row, "id": place} if isinstance(row, Mapping) else row for place, row in places]


def _with_answers(rows: list[Any], raw: Raw, root: Path, rejects: Rejects) -> list[Any]:
    """Join test questions and key by id."""
    ids = _ids(rows, raw)
    files = _key_files(root, raw.path.parent)
    if not files and all(row.get("answer") for row in rows):
        return rows
    what = "The answers (the key of the test questions)"
    (key_raw,) = _one_copy(files, KEY_FILE) or _missing(root, what, "test", KEY_FILE, hub=False)
    key_rows = _read([key_raw], rejects)
    key = dict(zip(_ids(key_rows, key_raw), key_rows, strict=True))
    _compare(set(ids), set(key), raw, key_raw)
    pairs = [(row, key[number]) for row, number in zip(rows, ids, strict=True)]
    _same_sub_exams(pairs, key_raw)
    own = [row["id"] for row, entry in pairs if row.get("answer") not in (None, "", entry.get("answer"))]
    if own:
        say(f"{len(own)} test questions carry other answers than {key_raw}, which counts: ids {id_list(own)}")
    return [{**row, "answer": entry.get("answer")} for row, entry in pairs]


def _ids(rows: list[Any], raw: Raw) -> list[int]:
    """One whole number per row, each once. Raises ExamError."""
    try:
        found = [row_id(row) if isinstance(row, Mapping) else None for row in rows]
    except RowError as reason:
        raise ExamError(f"{raw}: an {reason}.") from None
    except ValueError:  # thousands of digits, which Python does not convert
        raise ExamError(f"{raw}: an id is not a number that can be read.") from None
    ids = [number for number in found if number is not None]
    if len(ids) < len(found):
        without = [place for place, number in enumerate(found, start=1) if number is None]
        raise ExamError(f"{raw}: {len(without)} of {len(rows)} rows carry no id (rows {id_list(without)}).")
    if twice := doubled(ids):
        raise ExamError(f"{raw}: {len(twice)} ids occur more than once: {id_list(twice)}.")
    return ids


def _compare(asked: set[int], known: set[int], raw: Raw, key_raw: Raw) -> None:
    missing, extra = sorted(asked - known), sorted(known - asked)
    problems = [f"{len(missing)} questions have no key: ids {id_list(missing)}"] if missing else []
    problems += [f"{len(extra)} key rows have no question: ids {id_list(extra)}"] if extra else []
    if problems:
        raise ExamError(f"{key_raw} does not fit {raw.name}: {'; '.join(problems)}.")


def _same_sub_exams(pairs: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]], key_raw: Raw) -> None:
    """A key row that names another sub-exam than its question belongs to another version of the exam."""
    wrong = [
        row["id"]
        for row, entry in pairs
        if "exam_class" in entry and _names(row) != _names(entry) and _names(row) is not None
    ]
    if wrong:
        raise ExamError(
            f"{key_raw}: {len(wrong)} rows name another sub-exam than their question, so this key belongs "
            f"to another version of the exam: ids {id_list(wrong)}."
        )


def _names(row: Mapping[str, Any]) -> object:
    return find_sub_exam(str(row.get("exam_type")), str(row.get("exam_class")))


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
