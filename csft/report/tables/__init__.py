"""The tables of a report, each under the name of its file."""

from csft.report.analysis import Analysis
from csft.report.study_data import StudyData
from csft.report.table import Table
from csft.report.tables import (
    claims,
    datasets,
    effects,
    provenance,
    rivals,
    sub_exams,
    table2,
    trials,
    truncation,
)


def tables(data: StudyData, found: Analysis) -> dict[str, Table]:
    """Every table that the study has something to show in, in the order they are read.

    `trials`, `rivals`, `effects`, `importance`, `interactions`, `sub-exams-<base|paper>-<split>`,
    `sub-exams-all-<split>` (28 × trials), `truncation`, `table2`, `claims`, `datasets`, `provenance`,
    `left-out`.
    """
    made = [
        trials.table(data),
        rivals.table(found),
        effects.effects(found),
        effects.importance(found),
        effects.interactions(found),
        *sub_exams.against(data, found),
        *sub_exams.all_trials(data),
        truncation.table(data),
        table2.table(data, found),
        claims.table(found),
        datasets.table(data),
        provenance.table(data),
        provenance.left_out(data),
    ]
    return {one.name: one for one in made if one.rows}
