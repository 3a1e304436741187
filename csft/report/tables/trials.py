"""All trials: what each tried, how it scored on either split, and what it cost."""

from math import isclose

from csft.chat import Figures
from csft.report.analysis.pairing import scored
from csft.report.study_data import SELECT, TEST, StudyData, Trial
from csft.report.table import Cell, Column, Table
from csft.report.tables.columns import PERCENT, interval, of_figure, without_empty
from csft.result import ALL

ENDED = ("finished", "infeasible")


def table(data: StudyData) -> Table:
    """One row per trial, by number; the winner's stands out."""
    first, *others = data.objectives
    columns = (
        Column("trial"),
        Column("state"),
        *(Column(name) for name in data.parameters),
        Column(first, PERCENT),
        *(Column(name, 3) for name in others),
        Column("seeds"),
        *interval(SELECT),
        *interval(TEST),
        Column("conversation loss", 3),
        Column("before", 3),
        Column("hours", 3),
        Column("epochs passed", 2),
        Column("memory, GB", 1),
        Column("tokens/s", 0),
        Column("why not"),
    )
    same = _score_is_select(data)
    rows = [[*_told(data, one, same), *_cost(one)] for one in data.trials]
    best = data.best[0] if data.best else None
    marked = frozenset(at for at, one in enumerate(data.trials) if one.number == best)
    return without_empty(Table("trials", "All trials", columns, rows, _notes(data), marked))


def _told(data: StudyData, trial: Trial, same: bool) -> list[Cell]:
    rest = range(1, len(data.objectives))
    others = [trial.values[at] if trial.values else None for at in rest]
    seeds = len(trial.runs) if any(len(one.runs) > 1 for one in data.trials) else None
    select, *select_ends = _of(data, trial, SELECT)
    return [
        trial.number,
        trial.state,
        *(trial.params.get(name) for name in data.parameters),
        trial.score,
        *others,
        seeds,
        None if same else select,
        *select_ends,
        *_of(data, trial, TEST),
    ]


def _of(data: StudyData, trial: Trial, split: str) -> tuple[Cell, Cell, Cell]:
    return of_figure(scored(data, trial, split))


def _score_is_select(data: StudyData) -> bool:
    """Whether the first objective says what the percent on select would."""
    pairs = ((one.score, _of(data, one, SELECT)[0]) for one in data.finished)
    return all(
        isinstance(here, float) and score is not None and isclose(score, here) for score, here in pairs
    )


def _cost(trial: Trial) -> list[Cell]:
    result = trial.run.result if trial.run else None
    after: Figures | None = result.chat.get(ALL) if result else None
    before = result.base_chat.get(ALL) if result else None
    return [
        after.loss if after else None,
        before.loss if before else None,
        trial.hours,
        trial.epochs,
        result.memory_gb if result else None,
        result.training.get("tokens_per_s") if result else None,
        trial.why,
    ]


def _notes(data: StudyData) -> tuple[str, ...]:
    notes = ["Scores are percent right with 95 % intervals; hours are those of all processes."]
    if any(not one.finished and one.score is not None for one in data.trials):
        notes.append(
            "The score of a trial that has not finished is that of its latest exam during training, or of "
            "the part of an exam that it was given up in."
        )
    if any(len(one.runs) > 1 for one in data.trials):
        notes.append("Scores of several seeds are means; conversation, memory and speed are the first's.")
    if missing := [one.number for one in data.trials if one.state in ENDED and not one.finished]:
        told = ", ".join(map(str, missing))
        notes.append(
            f"Trials that finished but cannot be compared, for reasons listed under left out: {told}."
        )
    return tuple(notes)
