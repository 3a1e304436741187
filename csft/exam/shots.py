"""Examples before a question: answered questions of the validation split, the same for a whole sub-exam.

CMB draws new ones for every question (src/generate_fewshot.py); here the draw is fixed, so that two models
meet the same examples and a sub-exam's common beginning is computed once.
"""

from collections import defaultdict
from collections.abc import Sequence

from csft.cmb import Question
from csft.errors import ExamError
from csft.exam.select import exam_order

SHOTS_SEED = 2308  # of the examples' order


class Examples:
    """The validation questions of every sub-exam in their fixed order."""

    def __init__(self, pool: Sequence[Question]) -> None:
        self._pools: dict[str, list[Question]] = defaultdict(list)
        for question in exam_order(pool, SHOTS_SEED):
            if question.sub_exam is not None:
                self._pools[question.sub_exam.key].append(question)

    def before(self, question: Question, count: int, reasoned: bool = False) -> list[Question]:
        """`count` examples of the question's own sub-exam, never itself; explained ones if `reasoned`.

        Raises ExamError where the validation split has too few.
        """
        if not count:
            return []
        assert question.sub_exam is not None, "exams hold known sub-exams alone"
        pool = [
            one
            for one in self._pools[question.sub_exam.key]
            if one.question != question.question and (one.explanation or not reasoned)
        ]
        if len(pool) < count:
            kind = "explained questions" if reasoned else "questions"
            raise ExamError(
                f"exam.shots={count}: the validation split has {len(pool)} {kind} of "
                f"{question.sub_exam.key} to show. Lower exam.shots, or get CMB-val-merge.json."
            )
        return pool[:count]
