"""The report of a study at W&B: its runs in panels, with the findings and tables as text.

`build` asks nobody; `save` alone needs a key and the server.
"""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from csft.errors import CsftError
from csft.report.analysis import Analysis
from csft.report.study_data import StudyData
from csft.report.table import Table
from csft.report.tables import tables
from csft.report.tables.provenance import SELECTION
from csft.report.texts import markdown, plain
from csft.report.wandb_panels import grids
from csft.track.values import clean
from csft.track.wandb_mode import has_key

if TYPE_CHECKING:
    from wandb_workspaces.reports.v2 import Report

PATIENCE_S = 120  # W&B itself tries again for longer
ROWS = 40  # of a table in the report; the whole ones are files
READ = ("claims", "rivals", "effects", "truncation", "table2", "datasets", "provenance", "left-out")


def title(study: str) -> str:
    """What the report of a study is called at W&B, by which it is found again."""
    return f"csft study {study}"[:128]


def build(data: StudyData, found: Analysis, *, project: str, entity: str | None = None) -> "Report":
    """The report, not saved. Without an `entity` it is that of the key's owner."""
    from wandb_workspaces.reports import v2 as wr

    made = tables(data, found)
    said = [wr.MarkdownBlock(clean(text)) for text in _words(data, found)]
    panels = [block for heading, grid in grids(data, project, entity or "") for block in (heading, grid)]
    told = [wr.MarkdownBlock(clean(markdown(_cut(made[name])))) for name in READ if name in made]
    return wr.Report(
        project=project,
        entity=entity or "",
        title=title(data.name),
        description=clean(plain(found.answer[0])) if found.answer else "",
        blocks=[*said, wr.TableOfContents(), *panels, *told],
        width="fluid",
    )


def save(report: "Report") -> str:
    """Save a report and give its address; one that was saved before for the study is written over.

    Changes that were made to it on the site are lost. Raises CsftError where there is no key, no such
    project, or no answer.
    """
    import wandb

    if not has_key(wandb):
        raise CsftError(
            "The report cannot be saved at W&B: no key is set. Set one with `wandb login` or WANDB_API_KEY. "
            "The same report without W&B: tracker=none."
        )
    done: list[str | BaseException] = []

    def work() -> None:
        try:
            done.append(_save(report, wandb))
        except Exception as error:
            done.append(error)

    thread = threading.Thread(target=work, name="wandb-report", daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    if not done:
        raise _not_saved(report, f"no answer within {PATIENCE_S} s")
    if isinstance(done[0], str):
        return done[0]
    raise _not_saved(report, clean(str(done[0])).strip() or type(done[0]).__name__) from None


def _save(report: "Report", wandb: Any) -> str:
    api = wandb.Api()
    report.entity = report.entity or api.default_entity
    for grid in report.blocks:
        for runs in getattr(grid, "runsets", ()):
            runs.entity = report.entity
    for saved in api.reports(f"{report.entity}/{report.project}"):
        if saved.display_name == report.title:
            report.id = saved.id
            break
    report.save()
    return str(report.url)


def _not_saved(report: "Report", reason: str) -> CsftError:
    place = f"{report.entity}/{report.project}" if report.entity else report.project
    return CsftError(
        f"The report could not be saved in W&B's project {place}: {reason}. If the project is missing, "
        "upload the study's runs first: python -m csft.track sync. If the server is down, try again later."
    )


def _words(data: StudyData, found: Analysis) -> Iterator[str]:
    yield "\n".join(["## Findings", "", *(f"- {plain(one)}" for one in found.answer or ("None.",))])
    cautions = [*found.cautions, SELECTION]
    yield "\n".join(["## Before using them", "", *(f"- {plain(one)}" for one in cautions)])
    if data.winner and data.winner.command:
        yield f"The winner again:\n\n```\n{clean(data.winner.command)}\n```"


def _cut(table: Table) -> Table:
    if len(table.rows) <= ROWS:
        return table
    notes = (*table.notes, f"The first {ROWS} of {len(table.rows)} rows; the files of the report have all.")
    return replace(table, rows=table.rows[:ROWS], notes=notes)
