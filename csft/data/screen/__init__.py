"""What is left out of training: doubles, near doubles, empty answers, and records that give an exam away.

    records --conversations--> batches --examine--> sketches, exam hits --verdicts--> kept | left out

Texts are compared normalised (`plain`). `exams` says what counts as giving an exam question away, `alike`
when two records say the same, `rules` what a person may set; `sift` runs it all over a dataset.
"""

from csft.data.screen.exams import ExamIndex
from csft.data.screen.plain import normalise
from csft.data.screen.rules import ScreenRules
from csft.data.screen.sieve import sift

__all__ = ["ExamIndex", "ScreenRules", "normalise", "sift"]
