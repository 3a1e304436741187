"""The page of two or more studies beside each other."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from csft.errors import DataError
from csft.report.analysis import Analysis, Effect
from csft.report.comparing import lines, tables
from csft.report.comparing.same import Compared, in_memory
from csft.report.comparing.trials import answer, shown
from csft.report.page import Block, Chart, Code, Page, Section, Text
from csft.report.study_data import SELECT, TEST, StudyData, Trial
from csft.report.table import Cell, Column, Table
from csft.report.tables.columns import PERCENT, interval, of_figure
from csft.track.values import clean

Study = tuple[StudyData, Analysis]
APART = (
    "Their trials were not scored on the same questions of select, or not by the same objective, so each "
    "study has figures of its own."
)


def studies_page(studies: Sequence[Study], now: datetime | None = None) -> Page:
    """At least two studies, and their winners. Raises DataError naming those that have no winner."""
    empty = [data.name for data, _ in studies if data.winner is None]
    if empty:
        raise DataError(
            f"{', '.join(empty)}: no trial that could win has finished, so there is "
            "nothing to compare. A report of the study says why: python -m csft.report study=NAME"
        )
    labels = _labels([data for data, _ in studies])
    winners = [data.winner for data, _ in studies if data.winner]
    named = [f"{label}/{one.number}" for label, one in zip(labels, winners, strict=True)]
    compared = in_memory(winners, named, [data.marks for data, _ in studies])
    together = SELECT in compared.marks and len({data.objectives[0] for data, _ in studies}) == 1
    sections = [
        *_winners(compared),
        Section("studies", "The studies", (_overview(labels, studies), *_commands(labels, studies))),
        Section("effects", "What the shared hyperparameters do", tuple(_effects(labels, studies, together))),
        Section("progress", "The best so far", tuple(_progress(labels, studies, together))),
        Section("settings", "In one and not in the other", _differences(labels, winners, studies)),
    ]
    when = (now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC")
    return Page(
        " against ".join(labels), f"{len(labels)} studies, each against the first, {when}", tuple(sections)
    )


def _labels(studies: Sequence[StudyData]) -> list[str]:
    """Their names, and their databases where two have one name."""
    names = [one.name for one in studies]
    return names if len(set(names)) == len(names) else [f"{one.name} in {one.storage}" for one in studies]


def _winners(compared: Compared) -> Iterator[Section]:
    if not compared.marks:
        yield Section("answer", "What differs", (Text((*compared.warnings, APART), "warning"),))
        return
    yield answer(compared)
    yield from shown(compared)


def _overview(labels: Sequence[str], studies: Sequence[Study]) -> Table:
    columns = (
        *(Column("study"), Column("trials"), Column("finished"), Column("winner"), Column("its setting")),
        *interval(TEST),
        *interval(SELECT),
        *(Column("hours of all trials", PERCENT), Column("varied")),
    )
    rows: list[list[Cell]] = []
    for label, (data, found) in zip(labels, studies, strict=True):
        assert data.winner
        of = found.winner.scores if found.winner else {}
        hours = sum(one.hours or 0 for one in data.trials)
        told: list[Cell] = [
            label,
            len(data.trials),
            len(data.finished),
            data.winner.number,
            data.winner.setting,
        ]
        ends = (*of_figure(of.get(TEST)), *of_figure(of.get(SELECT)))
        rows.append([*told, *ends, hours, ", ".join(data.parameters)])
    note = "Percent right of the winner with 95 % intervals, on the questions of its own study."
    return Table("studies", "The studies", columns, rows, (note,))


def _commands(labels: Sequence[str], studies: Sequence[Study]) -> list[Code]:
    told = (
        (label, str(data.record.get("command", ""))) for label, (data, _) in zip(labels, studies, strict=True)
    )
    return [Code(clean(command), label) for label, command in told if command]


def _effects(labels: Sequence[str], studies: Sequence[Study], together: bool) -> Iterator[Block]:
    """Parameters that at least two of them varied; in figures of their own where scores do not compare."""
    of: dict[str, list[tuple[str, Effect]]] = {}
    for label, (_, found) in zip(labels, studies, strict=True):
        for effect in found.effects:
            if effect.levels:
                of.setdefault(effect.parameter, []).append((label, effect))
    common = {parameter: named for parameter, named in of.items() if len(named) > 1}
    if not common:
        yield Text(("No hyperparameter was varied, with enough trials to tell, in two of them.",))
    elif not together:
        yield Text((APART,), "warning")
    for parameter, named in common.items():
        groups = [named] if together else [[one] for one in named]
        for place, group in enumerate(groups):
            chart = lines.effects(parameter, group)
            yield chart if together else Chart(f"{chart.name}-{place}", chart.figure, chart.says)


def _progress(labels: Sequence[str], studies: Sequence[Study], together: bool) -> Iterator[Block]:
    found = [(label, _best_so_far(data)) for label, (data, _) in zip(labels, studies, strict=True)]
    if not together:
        yield Text((APART,), "warning")
    groups = [found] if together else [[one] for one in found]
    for place, group in enumerate(groups):
        objective = studies[place][0].objectives[0]
        for at, x in enumerate(("trials", "hours of all trials")):
            named = [(label, [(point[at], point[2]) for point in line]) for label, line in group]
            title = f"Best {objective} so far against {x}"
            says = "; ".join(
                f"{label} reaches {line[-1][1]:.4g} after {line[-1][0]:.4g}" for label, line in named
            )
            name = f"best-{x.split()[0]}" + ("" if together else f"-{place}")
            yield Chart(name, lines.lines_of(named, title, x, objective, steps=True), f"{title}: {says}.")


def _best_so_far(data: StudyData) -> list[tuple[float, float, float]]:
    """(Trials, hours, best value) after every trial; pruned and failed ones count where they cost."""
    better = max if data.directions[0] == "maximize" else min
    hours, best, line = 0.0, None, []
    for count, trial in enumerate(data.trials, start=1):
        hours += trial.hours or 0.0
        if trial.eligible and trial.values:
            best = trial.values[0] if best is None else better(best, trial.values[0])
        if best is not None:
            line.append((float(count), hours, best))
    return line


def _differences(
    labels: Sequence[str], winners: Sequence[Trial], studies: Sequence[Study]
) -> tuple[Block, ...]:
    shared = tables.settings(
        "What all trials of a study share", labels, [_shared(data) for data, _ in studies]
    )
    nested = [one.run.settings for one in winners if one.run]
    own = tables.settings("Settings of the winners", labels, nested)
    named = Table("winner-settings", own.title, own.columns, own.rows)
    there = tuple(one for one in (shared, named) if one.rows)
    return there or (Text(("Nothing differs but what was drawn.",)),)


def _shared(data: StudyData) -> Mapping[str, Any]:
    """Space, settings, versions and contents as the study's record has them."""
    record = data.record
    space = {key.lstrip("+"): _domain(said) for key, said in dict(record.get("space") or {}).items()}
    names = ("objectives", "seeds", "code", "libraries")
    inputs = {"content": record.get("inputs") or {}}
    return {
        **dict(record.get("settings") or {}),
        **{f"varied: {key}": said for key, said in space.items()},
        **{name: record.get(name) for name in names},
        **inputs,
    }


def _domain(said: Any) -> str:
    if not isinstance(said, Mapping):
        return str(said)
    for kind in ("numbers", "choices", "interval"):
        if kind in said:
            values = ", ".join(map(str, said[kind]))
            return f"{values}{' (an interval)' if kind == 'interval' else ''}"
    return ", ".join(f"{key} {value}" for key, value in said.items())
