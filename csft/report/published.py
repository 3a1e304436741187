"""Table 2 of the paper (arXiv 2407.19705): published CMB scores in percent, and how far they compare.

The table mixes two levels, which was found by counting. The InternLM2.5-7B row is over whole exam types, and
its total over all 11,200 questions. Every column of every other row is a multiple of 0.25, which is one
sub-exam of 400 questions, and those totals are no mean of their columns. So rows compare on the total alone.
"""

from dataclasses import dataclass

SOURCE = "Table 2 of arXiv 2407.19705"
QUESTIONS = 11_200  # of CMB-test
COLUMNS = ("physician", "nursing", "pharmacist", "technician", "knowledge", "postgraduate")
EXAM_TYPES, SUB_EXAM = "whole exam types", "one sub-exam of 400 questions each"
WARNING = (
    f"{SOURCE} mixes two levels: the columns of InternLM2.5-7B are whole exam types, those of every other "
    "row one sub-exam of 400 questions each, so rows may be compared on the total alone."
)


@dataclass(frozen=True)
class Published:
    """One row: percent in all and in the six columns, in the order of `COLUMNS`."""

    model: str
    total: float
    columns: tuple[float, ...]
    correct: int | None = None  # of `QUESTIONS`, where the row tells it

    @property
    def level(self) -> str:
        """What its columns are scores of."""
        return SUB_EXAM if self.correct is None else EXAM_TYPES


TABLE_2 = (
    Published("CollectiveSFT-7B", 77.05, (83.00, 85.75, 79.25, 72.50, 90.25, 80.25)),
    Published("InternLM2.5-7B", 71.40, (75.80, 78.13, 68.28, 70.92, 65.00, 72.19), correct=7_997),
    Published("HuatuoGPTII-34B", 76.80, (82.50, 75.50, 73.25, 68.75, 87.75, 77.00)),
    Published("Qwen-72B-Chat", 74.38, (88.00, 75.00, 77.00, 70.25, 94.25, 65.50)),
    Published("Yi-34B-Chat", 69.17, (78.75, 69.50, 69.75, 63.75, 87.00, 56.50)),
    Published("AntGLM-Med-10", 64.09, (81.75, 62.00, 63.75, 60.25, 82.50, 64.50)),
    Published("GPT-4", 59.46, (64.50, 60.75, 39.50, 57.00, 77.50, 61.25)),
    Published("HuatuoGPTII-7B", 59.00, (70.75, 64.75, 60.00, 57.75, 70.25, 53.75)),
    Published("Qwen-14B-Chat", 57.64, (69.00, 60.50, 51.25, 51.75, 73.00, 50.00)),
    Published("Baichuan2-13B-Chat", 48.87, (56.50, 47.75, 44.50, 45.50, 63.25, 39.25)),
    Published("Qwen-7B-Chat", 46.58, (56.25, 46.00, 42.00, 37.25, 63.50, 39.50)),
    Published("ChatGLM2-6B", 45.05, (48.25, 47.25, 43.75, 43.00, 54.25, 42.25)),
)
