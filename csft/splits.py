"""The exam questions of a trial: the held-out split of CMB-train, validation and test."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

from csft import exam
from csft.cmb import Question, read_questions
from csft.config import Config, Exam
from csft.console import say
from csft.data import raw_files
from csft.errors import DataError, MissingError
from csft.files import hash_files, hash_value, write_json
from csft.identity import code_hash
from csft.rejects import Rejects

HELD_OUT_SEED = 2407  # fixed: every trial of every study is selected on the same questions
ORDER_SEED = 19705  # of the order in which questions are asked

Splits = dict[str, list[Question]]


def gather(settings: Exam, data_root: Path, exam_root: Path, cache: Path) -> Splits:
    """Read `select`, `val` and `test`, as far as they are there; what is missing is said in a line.

    All of them screen the training data; `scored` says which are asked. Raises DataError for a
    damaged file, and for a missing one that is to be scored or to give examples.
    """
    splits: Splits = {"select": _held_out(settings, data_root, cache)}
    for split in ("val", "test"):
        try:
            splits[split] = load(exam_root, split)
        except MissingError as error:
            if settings.test if split == "test" else settings.val or settings.shots:
                raise
            say(f"exam: no {split} split, so nothing is screened against it. {_first_line(error)}")
    return {split: questions for split, questions in splits.items() if questions}


def load(root: Path, split: str) -> list[Question]:
    """All questions of `val` or `test` that can be asked; the others are counted in a line."""
    found, rejects = _load(root, split, hash_files(exam.split_files(root, split), root))
    if rejects.total:
        say(f"exam: {split} questions {rejects}")
    return list(found)


@lru_cache(maxsize=8)  # files are read again by one process only when they have changed
def _load(root: Path, split: str, content: str) -> tuple[tuple[Question, ...], Rejects]:
    rejects = Rejects()
    return tuple(exam.load_split(root, split, rejects)), rejects


def scored(config: Config, splits: Splits) -> Splits:
    """Give the splits that are asked, in asking order, `exam.per_sub_exam` questions per sub-exam at most."""
    wanted = {"select": True, "val": config.exam.val, "test": config.exam.test}
    names = [name for name, asked in wanted.items() if asked]
    return {
        name: _first(exam.exam_order(splits[name], ORDER_SEED), config.exam.per_sub_exam)
        for name in names
        if name in splits
    }


def _held_out(settings: Exam, root: Path, cache: Path) -> list[Question]:
    """The `select` split, drawn once per CMB-train file and kept: reading all of it takes a while."""
    if not settings.select_per_sub_exam:
        say("exam: nothing is held out (exam.select_per_sub_exam=0), so the trial has no objective")
        return []
    try:
        files = raw_files("cmb", root)
    except DataError as error:
        say(f"exam: no held-out split, so the trial has no objective. {_first_line(error)}")
        return []
    draw = (settings.select_per_sub_exam, settings.select_share, HELD_OUT_SEED)
    kept = cache / "held_out" / f"{hash_value([hash_files(files, root), *draw, code_hash()])[:32]}.json"
    drawn = _read_kept(kept)
    if drawn is None:
        train = (question for file in files for question in read_questions(file, Rejects()))
        drawn = exam.draw_select(train, *draw)
        write_json(kept, {"hash": exam.content_hash(drawn), "questions": [asdict(one) for one in drawn]})
    if not drawn:
        say("exam: CMB-train has too few questions here to hold any out, so the trial has no objective")
    return drawn


def _read_kept(path: Path) -> list[Question] | None:
    """Questions that were drawn before; None where there are none or the file was changed."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        questions = [Question(**row) for row in stored["questions"]]
        if exam.content_hash(questions) == stored["hash"]:
            return questions
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    say(f"The held-out questions kept in {path} are damaged. They are drawn again.")
    return None


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _first(questions: Sequence[Question], per_sub_exam: int | None) -> list[Question]:
    taken: Counter[str] = Counter()
    kept = []
    for question in questions:
        assert question.sub_exam is not None, "splits hold known sub-exams alone"
        taken[question.sub_exam.key] += 1
        if per_sub_exam is None or taken[question.sub_exam.key] <= per_sub_exam:
            kept.append(question)
    return kept
