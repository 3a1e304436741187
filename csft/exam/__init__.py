"""The exam room: CMB's questions in order, one answer per question, and scores with their noise.

The way of one exam: `load_split` or `draw_select` → `exam_order` → `take` → `score`.
Nothing heavy is imported before `take` runs or `score` computes its intervals.
"""

from csft.exam.answers import read_answer
from csft.exam.prompts import question_text
from csft.exam.scores import Figure, Scores, score
from csft.exam.select import draw_select, exam_order
from csft.exam.splits import content_hash, load_split
from csft.exam.taking import Prediction, take
from csft.exam.tokens import letter_ids

__all__ = [
    "Figure",
    "Prediction",
    "Scores",
    "content_hash",
    "draw_select",
    "exam_order",
    "letter_ids",
    "load_split",
    "question_text",
    "read_answer",
    "score",
    "take",
]
