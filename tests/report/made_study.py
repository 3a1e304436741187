"""One made study and what was found in it, for the tests of figures and pages: making it takes seconds."""

from functools import cache

from made_data import made
from made_found import found

from csft.report.analysis import Analysis
from csft.report.study_data import StudyData

TRIALS = 24


@cache
def study() -> tuple[StudyData, Analysis]:
    """A study that the paper's setting does not win."""
    data = made(trials=TRIALS, questions=112)
    return data, found(data)
