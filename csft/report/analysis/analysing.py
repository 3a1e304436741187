"""From what is known of a study to what was found in it."""

from csft.report.analysis import Analysis
from csft.report.analysis.cautions import cautions
from csft.report.analysis.claims import claims
from csft.report.analysis.effects import effects
from csft.report.analysis.findings import answer
from csft.report.analysis.importance import importances
from csft.report.analysis.interactions import interactions
from csft.report.analysis.significance import against_all
from csft.report.study_data import StudyData


def analyse(data: StudyData) -> Analysis:
    """Everything computed of a study, once; also of one whose trials have not finished."""
    winner = against_all(data)
    found = effects(data)
    return Analysis(
        winner=winner,
        effects=found.effects,
        interactions=interactions(found),
        importances=importances(found),
        claims=claims(data, found),
        answer=answer(data, winner, found.effects),
        cautions=cautions(data, winner, found),
    )
