"""The exam room: CMB's questions in order, one answer per question, and scores with their noise.

The way of one exam: `load_split` or `draw_select` → `exam_order` → `take` → `score`; two exams: `compare`.
Nothing heavy is imported before `take` runs, or `score` and `compare` compute their intervals.
"""

from csft.exam.answer_files import read_answer_file, write_submission
from csft.exam.answers import read_answer, read_answers
from csft.exam.asking import Asking
from csft.exam.comparison import Comparison, Difference, compare
from csft.exam.formats import Wrap, base_wrap, own_wrap
from csft.exam.kept_answers import KeptAnswers
from csft.exam.key import Key
from csft.exam.noise import Figure
from csft.exam.prediction import Prediction
from csft.exam.preparing import Paper
from csft.exam.prompts import question_text
from csft.exam.scores import Scores, score
from csft.exam.select import draw_select, exam_order
from csft.exam.splits import content_hash, load_split, split_files
from csft.exam.taking import in_order, stream, stream_paper, take
from csft.exam.together import Takers, stream_together
from csft.exam.tokens import letter_ids
from csft.filling import HELD

__all__ = [
    "HELD",
    "Asking",
    "Comparison",
    "Difference",
    "Figure",
    "KeptAnswers",
    "Key",
    "Paper",
    "Prediction",
    "Scores",
    "Takers",
    "Wrap",
    "base_wrap",
    "compare",
    "content_hash",
    "draw_select",
    "exam_order",
    "in_order",
    "letter_ids",
    "load_split",
    "own_wrap",
    "question_text",
    "read_answer",
    "read_answer_file",
    "read_answers",
    "score",
    "split_files",
    "stream",
    "stream_paper",
    "stream_together",
    "take",
    "write_submission",
]
