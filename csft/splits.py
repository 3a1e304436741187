"""The exam questions of a trial: the held-out split of CMB-train, validation and test."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from csft import exam
from csft.cmb import Question, read_questions
from csft.config import Config
from csft.console import say
from csft.data import raw_files
from csft.errors import DataError
from csft.places import Places
from csft.rejects import Rejects

HELD_OUT_SEED = 2407  # fixed: every trial of every study is selected on the same questions
ORDER_SEED = 19705  # of the order in which questions are asked

Splits = dict[str, list[Question]]


def gather(config: Config, where: Places) -> Splits:
    """Read `select`, `val` and `test`, as far as they are there; what is missing is said in a line.

    All of them screen the training data; `scored` says which are asked. Raises DataError when the test
    split is to be scored and is not there.
    """
    splits: Splits = {"select": _held_out(config, where.data)}
    for split in ("val", "test"):
        rejects = Rejects()
        try:
            splits[split] = exam.load_split(where.exam, split, rejects)
        except DataError as error:
            if split == "test" and config.exam.test:
                raise
            say(f"exam: no {split} split, so nothing is screened against it. {_first_line(error)}")
        if rejects.total:
            say(f"exam: {split} questions {rejects}")
    return {split: questions for split, questions in splits.items() if questions}


def scored(config: Config, splits: Splits) -> Splits:
    """Give the splits that are asked, in asking order, `exam.per_sub_exam` questions per sub-exam at most."""
    names = ["select", "test"] if config.exam.test else ["select"]
    return {
        name: _first(exam.exam_order(splits[name], ORDER_SEED), config.exam.per_sub_exam)
        for name in names
        if name in splits
    }


def _held_out(config: Config, root: Path) -> list[Question]:
    if not config.exam.select_per_sub_exam:
        say("exam: nothing is held out (exam.select_per_sub_exam=0), so the trial has no objective")
        return []
    try:
        files = raw_files("cmb", root)
    except DataError as error:
        say(f"exam: no held-out split, so the trial has no objective. {_first_line(error)}")
        return []
    train = [question for file in files for question in read_questions(file, Rejects())]
    drawn = exam.draw_select(train, config.exam.select_per_sub_exam, config.exam.select_share, HELD_OUT_SEED)
    if not drawn:
        say(f"exam: CMB-train has too few questions here ({len(train)}) to hold any out; no objective")
    return drawn


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
