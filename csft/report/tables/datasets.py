"""The datasets that the study read: content, what was set aside, what the winner drew."""

from collections.abc import Mapping
from typing import Any

from csft.data.catalog import DATASETS
from csft.report.study_data import Run, StudyData
from csft.report.table import Cell, Column, Table
from csft.report.tables.columns import without_empty

HASH_LENGTH = 16  # hexadecimal digits shown of a SHA-256
NOTES = (
    f"Content is the SHA-256 of a dataset's raw files, its first {HASH_LENGTH} digits; the manifest of each "
    "run folder has all 64.",
    "May be drawn: what is left after screening against the exams, doubles and held-out dialogues.",
)


def table(data: StudyData) -> Table:
    """One row per dataset that some trial read, in the catalogue's order."""
    columns = (
        Column("dataset"),
        Column("name"),
        Column("content"),
        Column("read"),
        Column("set aside"),
        Column("may be drawn"),
        Column("weight"),
        Column("drawn per epoch"),
        Column("tokens"),
        Column("share of tokens, %", 1),
    )
    runs = [run for trial in data.finished for run in trial.runs]
    contents: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, content in run.manifest.get("parts", {}).get("data", {}).items():
            contents.setdefault(name, {})[str(content)] = None
    order = [name for name in (*DATASETS, *contents) if name in contents]
    winner = data.winner.run if data.winner else None
    rows = [
        [
            name,
            _title(name),
            ", ".join(one[:HASH_LENGTH] for one in contents[name]),
            *_counts(name, runs, winner),
        ]
        for name in dict.fromkeys(order)
    ]
    about = (
        f"The datasets, and what the winner drew of them (trial {data.winner.number})" if data.winner else ""
    )
    return without_empty(Table("datasets", about or "The datasets", columns, rows, NOTES))


def _title(name: str) -> str:
    return DATASETS[name].name if name in DATASETS else name


def _counts(name: str, runs: list[Run], winner: Run | None) -> list[Cell]:
    pool = next((one["pool"] for run in runs for one in run.result.drawn if one["dataset"] == name), None)
    screened = _screened(name, runs)
    aside = ", ".join(f"{count} {reason}" for reason, count in screened.get("set_aside", {}).items())
    drawn: Mapping[str, Any] = next(
        (one for one in (winner.result.drawn if winner else ()) if one["dataset"] == name), {}
    )
    weight = winner.settings["mix"]["datasets"].get(name, 0) if winner else None
    share = 100 * drawn["share"] if drawn else None
    return [screened.get("read"), aside, pool, weight, drawn.get("records"), drawn.get("tokens"), share]


def _screened(name: str, runs: list[Run]) -> Mapping[str, Any]:
    """What the first run that tells has counted: records `read`, and by reason those `set_aside`."""
    told = (run.manifest.get("screened", {}).get(name) for run in runs)
    return next((one for one in told if one), {})
