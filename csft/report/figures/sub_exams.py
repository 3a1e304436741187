"""CMB's 28 sub-exams: how far each trial moved each of them, and where the winner's difference is sure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from csft.cmb import SubExam
from csft.exam import Scores
from csft.exam.comparison import Difference
from csft.report.analysis import BETTER, UNDECIDED, WORSE, Analysis
from csft.report.analysis.papers_setting import the_papers
from csft.report.figures.forest import Row, counted, forest
from csft.report.figures.naming import asked, base_of, points, ranked, short, some, split_of, sub_exam
from csft.report.figures.style import BETTER_WORSE, MUTED, NONE_TO_ALL, by_rows, rows_high, styled
from csft.report.study_data import SELECT, TEST, StudyData, Trial

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

DRAWN = 40  # trials beside each other
Column = tuple[Trial, Scores, Scores | None]


def heat_map(data: StudyData) -> "tuple[Figure, str] | None":
    """Points that each trial gained over the untrained model; percents where that was not examined."""
    split = split_of(data)
    scored = [(one, scores) for one in ranked(data) if (scores := one.scores(split)) and scores.by_sub_exam]
    if not scored:
        return None
    columns: list[Column] = [(one, scores, base_of(one, split)) for one, scores in scored[:DRAWN]]
    gains = all(base for *_, base in columns)
    rows = asked(columns[0][1].by_sub_exam)
    figure = _map(columns, rows, gains)
    what = f"points gained over the untrained model on {split}" if gains else f"percent right on {split}"
    shown = f"the best {len(columns)} of {len(scored)} trials" if len(scored) > DRAWN else "all trials"
    figure.update_xaxes(title_text="trial, best first", type="category", showgrid=False, side="bottom")
    phone = by_rows(figure, [sub_exam(one) for one in rows], [short(one) for one in rows])
    _type_lines(figure, rows)
    styled(figure, f"Sub-exams × trials: {what}", rows_high(len(rows), 100), phone=phone)
    first, scores, base = columns[0]
    change = {
        one.key: scores.by_sub_exam[one.key] - (base.by_sub_exam[one.key] if base else 0) for one in rows
    }
    most, least = max(rows, key=lambda one: change[one.key]), min(rows, key=lambda one: change[one.key])
    return figure, (
        f"{what[0].upper()}{what[1:]}, {len(rows)} sub-exams, {shown}. Of the best, trial {first.number}, "
        f"the highest is {sub_exam(most)} ({points(change[most.key])}) and the lowest "
        f"{sub_exam(least)} ({points(change[least.key])}); single cells rest on few questions "
        f"({scores.figures[most.key].n} each here)."
    )


def differences(data: StudyData, found: Analysis) -> "dict[str, tuple[Figure, str]]":
    """`sub-exams-base` and `sub-exams-paper`: the winner's differences, on test where it was examined."""
    if not found.winner:
        return {}
    names = {"base": "the untrained base"}
    if found.winner.paper_trial is not None:
        names["paper"] = the_papers(data.trial(found.winner.paper_trial))
    drawn = {}
    for rival, name in names.items():
        for split in (TEST, SELECT):
            parts = found.winner.sub_exams.get((rival, split))
            if parts:
                drawn[f"sub-exams-{rival}"] = _differences(parts, name, split)
                break
    return drawn


def _map(columns: Sequence[Column], rows: Sequence[SubExam], gains: bool) -> "Figure":
    from plotly.graph_objects import Figure, Heatmap

    def cell(scores: Scores, base: Scores | None, key: str) -> float | None:
        mine = scores.by_sub_exam.get(key)
        before = base.by_sub_exam.get(key) if gains and base else 0.0
        return None if mine is None or before is None else round(mine - before, 2)

    z = [[cell(scores, base, one.key) for _, scores, base in columns] for one in rows]
    reach = max((abs(value) for row in z for value in row if value is not None), default=1.0) or 1.0
    return Figure(
        Heatmap(
            x=[str(one.number) for one, *_ in columns],
            y=list(range(len(rows))),
            z=z,
            text=[[f"{sub_exam(one)}<br>trial {trial.number}" for trial, *_ in columns] for one in rows],
            hovertemplate="%{text}<br>" + ("%{z:+.1f} points" if gains else "%{z:.1f} %") + "<extra></extra>",
            colorscale=BETTER_WORSE if gains else NONE_TO_ALL,
            zmin=-reach if gains else 0,
            zmax=reach if gains else 100,
            colorbar={
                "title": {"text": "points" if gains else "percent"},
                "thickness": 12,
                "outlinewidth": 0,
            },
            hoverongaps=False,
            xgap=1,
            ygap=1,
        )
    )


def _type_lines(figure: "Figure", rows: Sequence[SubExam]) -> None:
    """A line where the next exam type begins."""
    for place in range(1, len(rows)):
        if rows[place].exam_type != rows[place - 1].exam_type:
            figure.add_hline(y=place - 0.5, line={"color": MUTED, "width": 1.5})


def _differences(parts: Mapping[str, Difference], rival: str, split: str) -> "tuple[Figure, str]":
    subs = asked(list(parts))
    rows = [
        Row(sub_exam(one), part, part.p if part.p_fdr is None else part.p_fdr, _standing(part), short(one))
        for one in subs
        for part in (parts[one.key],)
    ]
    axis = f"points on {split}; 95 % intervals"
    figure = forest(rows, f"The winner less {rival}, by sub-exam", axis)
    _type_lines(figure, subs)
    told = []
    for standing, count in counted(rows).items():
        names = [row.name for row in rows if row.standing == standing]
        told.append(f"{standing} in {count}" + (f" ({some(names)})" if standing != UNDECIDED else ""))
    return figure, (
        f"On {split}, allowing for {len(rows)} tests (false discovery rate 5 %), the winner against {rival} "
        f"is {'; '.join(told)}."
    )


def _standing(one: Difference) -> str:
    if not one.clear:
        return UNDECIDED
    return BETTER if one.difference > 0 else WORSE
