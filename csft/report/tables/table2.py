"""Table 2 of the paper with this study's rows beside it, on the total alone."""

from collections.abc import Iterator

from csft.exam.noise import Figure, figure
from csft.places import SAMPLE
from csft.report.analysis import Analysis
from csft.report.analysis.pairing import scored
from csft.report.analysis.papers_setting import named
from csft.report.published import QUESTIONS, SOURCE, TABLE_2, WARNING, Published
from csft.report.study_data import TEST, Run, StudyData
from csft.report.table import Cell, Column, Table
from csft.report.tables.columns import interval, of_figure

HERE, PAPER = "this study", "published"
INVENTED = (
    "The exam questions are the invented ones of the sample that ships with csft: scores on them must not be "
    "compared with published figures."
)


def table(data: StudyData, found: Analysis) -> Table:
    """Rows by their total, best first; ours are of the test split. Empty where it was not scored."""
    columns = (
        Column("model"),
        Column("source"),
        *interval("total"),
        Column("questions"),
        Column("its other columns are"),
    )
    ours = list(_ours(data, found))
    rated: list[tuple[str, str, Figure | None, float, str]] = [
        (name, HERE, one, one.percent, "not compared here") for name, one in ours
    ]
    rated += [(one.model, PAPER, _counted(one), one.total, one.level) for one in TABLE_2]
    rated.sort(key=lambda row: -row[3])
    rows = [_row(*row) for row in rated] if ours else []
    marked = frozenset(at for at, row in enumerate(rows) if str(row[0]).startswith("winner"))
    return Table("table2", f"{SOURCE} and this study, on the total", columns, rows, _notes(data), marked)


def invented(run: Run) -> bool:
    """Whether the questions a run was examined on are those of the sample."""
    settings = run.settings
    root = settings.get("exam", {}).get("root") or settings.get("data", {}).get("root")
    return bool(root == SAMPLE)


def _ours(data: StudyData, found: Analysis) -> Iterator[tuple[str, Figure]]:
    winner = data.winner
    one = scored(data, winner, TEST) if winner else None
    if winner is None or winner.run is None or one is None:
        return
    yield f"winner (trial {winner.number})", one
    if base := winner.run.result.base.get(TEST):
        yield f"untrained base ({winner.run.settings['model']['name']})", base.figures["total"]
    number = found.winner.paper_trial if found.winner else None
    paper = data.trial(number) if number is not None and number != winner.number else None
    if paper and (one := scored(data, paper, TEST)):
        yield named(paper, paper), one


def _counted(one: Published) -> Figure | None:
    return figure(one.correct, QUESTIONS) if one.correct is not None else None


def _row(name: str, source: str, one: Figure | None, total: float, level: str) -> list[Cell]:
    _, low, high = of_figure(one)
    return [name, source, total, low, high, one.n if one else None, level]


def _notes(data: StudyData) -> tuple[str, ...]:
    run = data.winner.run if data.winner else None
    if run is None or TEST not in run.result.scores:
        return (WARNING,)
    asked = run.result.scores[TEST].n
    notes = [INVENTED] if invented(run) else []
    if asked != QUESTIONS:
        notes.append(
            f"This study asked {asked:,} test questions where the published rows rest on {QUESTIONS:,}."
        )
    notes.append(WARNING)
    notes.append(
        "Intervals hold 95 %; they are missing where a row does not tell its count of right answers."
    )
    return tuple(notes)
