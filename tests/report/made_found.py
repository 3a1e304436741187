"""What a made study found, without the forests of its importance."""

from csft.report.analysis import SUPPORTED, Analysis, Claim, Importance
from csft.report.analysis.effects import effects
from csft.report.analysis.significance import against_all
from csft.report.study_data import StudyData


def found(data: StudyData) -> Analysis:
    return Analysis(
        winner=against_all(data),
        effects=effects(data).effects,
        interactions=(),
        importances=(Importance("epochs", 0.6, 0.5, 0.7),),
        claims=(Claim("More epochs help.", SUPPORTED, "3 epochs are 8 points above 1.", "an F test"),),
        answer=("The winner is above the untrained base.",),
        cautions=("One study of one_model.",),
    )
