"""What `python -m csft.report` does: read a study, analyse it, write the report offline and at W&B."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from csft.console import say
from csft.fields import choice, count
from csft.report import reading
from csft.report.page import Page
from csft.report.study_data import StudyData
from csft.study import finding
from csft.study.storage import shown

if TYPE_CHECKING:
    from csft.report.analysis import Analysis
    from csft.report.stills import Browser

HTML = "report.html"


@dataclass(frozen=True)
class Settings:
    """What the command can be told; the fields are its words."""

    study: str = ""
    storage: str = ""
    output: str = "outputs"
    out: str = ""
    stills: str = choice("yes", "yes", "no")
    tracker: str = choice("auto", "auto", "wandb", "none")
    project: str = "csft"
    entity: str = ""
    every: int = count(30, "seconds between two looks at a study that runs")


def report(settings: Settings) -> None:
    """Write the report of a study, and save it at W&B where that is wanted."""
    data = read(settings)
    folder = folder_of(settings, data.name)
    with _stills(settings) as browser:  # it opens while the study is analysed
        found = analysed(data)
        page = write(data, found, folder)
        if browser:
            _draw(browser, page, folder)
    _save_at_wandb(data, found, settings)


def read(settings: Settings) -> StudyData:
    """The study that was named. What the report leaves out is said trial by trial."""
    study = finding.named(settings)
    # As a user says it: a report is passed on, and where its maker's folders lie is nobody's business.
    storage = shown(finding.address(settings)) if settings.storage else f"{settings.output}/studies.db"
    data = reading.read(study, storage, settings.output)
    for one in data.left_out:
        say(f"left out     {'' if one.trial is None else f'trial {one.trial}, '}{one.what}: {one.why}")
    return data


def analysed(data: StudyData) -> "Analysis":
    """What the study found; its answer is printed."""
    from csft.report.analysis.analysing import analyse

    found = analyse(data)
    for sentence in found.answer:
        say(sentence)
    return found


def write(data: StudyData, found: "Analysis", folder: Path, *, again_s: int | None = None) -> Page:
    """Write the HTML page and the tables; `again_s`: the page reloads itself so often."""
    from csft.report import html, texts
    from csft.report.study_page import page
    from csft.report.tables import tables

    made = page(data, found)
    html.write(made, folder / HTML, again_s=again_s)
    texts.write(tables(data, found), folder / "tables")
    say(f"\nreport       {folder / HTML}\ntables       {folder / 'tables'} (Markdown, LaTeX, CSV)")
    return made


def compare(names: Sequence[str], settings: Settings) -> None:
    """Set trials, or whole studies, beside each other."""
    from csft.report import html
    from csft.report.comparing import page

    made = page(names, settings)
    folder = folder_of(settings, "comparison")
    html.write(made, folder / HTML)
    say(f"\ncomparison   {folder / HTML}")
    with _stills(settings) as browser:
        if browser:
            _draw(browser, made, folder)


def folder_of(settings: Settings, name: str) -> Path:
    """Where a report is written: `out`, or beside the run folders of its study."""
    if settings.out:
        return Path(settings.out).expanduser()
    return Path(settings.output).expanduser() / name / "report"


def _stills(settings: Settings) -> "AbstractContextManager[Browser | None]":
    """What draws PNG and SVG files, if they are wanted."""
    from csft.report import stills

    return stills.opening() if settings.stills == "yes" else nullcontext()


def _draw(browser: "Browser", page: Page, folder: Path) -> None:
    if drawn := browser.write(page, folder / "figures"):
        say(f"figures      {folder / 'figures'} ({len(drawn)} files, PNG and SVG)")


def _save_at_wandb(data: StudyData, found: "Analysis", settings: Settings) -> None:
    if settings.tracker == "none":
        return
    import wandb

    from csft.report import wandb_report
    from csft.track.wandb_mode import has_key

    if settings.tracker == "auto" and not has_key(wandb):
        say("W&B          no report there: no key is set (wandb login sets one)")
        return
    made = wandb_report.build(data, found, project=settings.project, entity=settings.entity or None)
    say(f"W&B          {wandb_report.save(made)}")
