"""The held-out split of CMB-train that studies optimise, and the order in which questions are asked."""

import hashlib
import heapq
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from csft.cmb import SUB_EXAMS, Question
from csft.errors import SettingError


def draw_select(
    train: Iterable[Question], per_sub_exam: int = 100, max_share: float = 0.25, seed: int = 42
) -> list[Question]:
    """Hold out up to `per_sub_exam` questions of every sub-exam, at most `max_share` of its rows.

    Which ones are drawn depends on `seed` and on what the questions say, not on their order or on the
    other sub-exams, so a file that grows at its end changes little. Rows without an answer or with an
    unknown exam name are not drawn, exact repetitions count once. The result is ordered by sub-exam and
    numbered from 1. Training data must leave out these questions, repetitions included.
    """
    if per_sub_exam < 1:
        raise SettingError("exam.select.per_sub_exam", per_sub_exam, "a whole number, at least 1")
    if not 0 <= max_share <= 1:
        raise SettingError("exam.select.max_share", max_share, "a share from 0 to 1")
    pools: dict[str, dict[bytes, Question]] = defaultdict(dict)
    for question in train:
        if question.sub_exam is not None and question.answer:
            pools[question.sub_exam.key].setdefault(_ticket(question, seed), question)
    drawn: list[Question] = []
    for sub_exam in SUB_EXAMS:
        pool = pools[sub_exam.key]
        count = min(per_sub_exam, int(len(pool) * max_share))
        drawn += [pool[ticket] for ticket in heapq.nsmallest(count, pool)]
    return [replace(question, id=number) for number, question in enumerate(drawn, start=1)]


def exam_order(questions: Sequence[Question], seed: int) -> list[Question]:
    """A fixed seeded order in which every prefix holds each sub-exam in proportion, to one question.

    So an exam that is stopped early has still asked a fair part of every sub-exam.
    """
    groups: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        groups[question.sub_exam.key if question.sub_exam else ""].append(question)
    placed = []
    for key, group in groups.items():
        shuffled = sorted(group, key=lambda one: (_ticket(one, seed), one.id or 0))
        for rank, question in enumerate(shuffled):
            share = (rank + 0.5) / len(group)
            placed.append((share, _digest(f"{seed}\0{key}\0{rank}"), question))
    return [question for *_, question in sorted(placed, key=lambda entry: entry[:2])]


def _ticket(question: Question, seed: int) -> bytes:
    """A lot that a question draws by its content."""
    options = "\0".join(f"{letter}\1{text}" for letter, text in question.options.items())
    sub_exam = question.sub_exam.key if question.sub_exam else ""
    return _digest(f"{seed}\0{sub_exam}\0{question.question}\0{options}")


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
