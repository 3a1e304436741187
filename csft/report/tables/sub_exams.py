"""The 28 sub-exams: the winner against the base and the paper's setting, and all trials side by side."""

from collections.abc import Iterator, Mapping

from csft.cmb import SUB_EXAMS, SubExam
from csft.exam.comparison import Difference
from csft.report.analysis import Analysis, Winner
from csft.report.analysis.papers_setting import the_papers
from csft.report.analysis.significance import BASE_NAME, PAPER
from csft.report.study_data import SELECT, TEST, StudyData
from csft.report.table import Cell, Column, Table
from csft.report.tables.columns import DIFFERENCE, P_DIGITS, PERCENT, of_difference

NAMES = (Column("exam type"), Column("sub-exam"), Column("key"), Column("questions"))
NOTE = (
    "Differences are points in the winner's favour with 95 % intervals; p allows for the number of sub-exams "
    "(false discovery rate), and differs means that it is below 0.05."
)


def against(data: StudyData, found: Analysis) -> Iterator[Table]:
    """One table per rival (base, paper) and split."""
    if found.winner is None:
        return
    for (who, split), parts in found.winner.sub_exams.items():
        rival = _rival(data, found.winner, who)
        title = f"The winner against {rival}, sub-exam by sub-exam, on {split}"
        columns = (
            *NAMES,
            Column(rival, PERCENT),
            Column("the winner", PERCENT),
            *DIFFERENCE,
            Column("corrected p", P_DIGITS),
            Column("differs"),
        )
        yield Table(f"sub-exams-{who}-{split}", title, columns, list(_rows(parts)), (NOTE,))


def _rival(data: StudyData, winner: Winner, who: str) -> str:
    if who == PAPER and winner.paper_trial is not None:
        return the_papers(data.trial(winner.paper_trial))
    return BASE_NAME


def _rows(parts: Mapping[str, Difference]) -> Iterator[list[Cell]]:
    for sub in SUB_EXAMS:
        if one := parts.get(sub.key):
            percents = (one.percent_a, one.percent_b)
            yield [*named(sub, one.n), *percents, *of_difference(one), one.p_fdr, one.clear]


def all_trials(data: StudyData) -> Iterator[Table]:
    """Percent of every finished trial in every sub-exam, one table per split; the base comes first."""
    for split in (SELECT, TEST):
        scored = [(one, scores) for one in data.finished if (scores := one.scores(split))]
        if not scored:
            continue
        run = scored[0][0].run
        base = run.result.base.get(split) if run else None
        columns = (
            *NAMES,
            *((Column("untrained", PERCENT),) if base else ()),
            *(Column(f"trial {one.number}", PERCENT) for one, _ in scored),
        )
        rows: list[list[Cell]] = []
        for sub in SUB_EXAMS:
            if figure := scored[0][1].figures.get(sub.key):
                before = [base.by_sub_exam.get(sub.key)] if base else []
                percents = [scores.by_sub_exam.get(sub.key) for _, scores in scored]
                rows.append([*named(sub, figure.n), *before, *percents])
        note = "Percent right, of the first seed where a trial has several."
        yield Table(f"sub-exams-all-{split}", f"Sub-exams and trials, on {split}", columns, rows, (note,))


def named(sub: SubExam, n: int) -> list[Cell]:
    """The cells of `NAMES`."""
    return [sub.exam_type, sub.exam_class, sub.key, n]
