"""The panels of the report at W&B: each asks for figures and settings that the study's runs have."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from csft.cmb import EXAM_TYPES, SUB_EXAMS
from csft.report.study_data import SELECT, TEST, StudyData

if TYPE_CHECKING:
    from wandb_workspaces.reports.v2 import PanelGrid

BARS = 5  # runs in a figure of bars: the best
LINES = 30  # runs in a figure of curves
WIDE, HALF, HIGH = 24, 12, 9  # of W&B's grid


def grids(data: StudyData, project: str, entity: str) -> Iterator[tuple[Any, "PanelGrid"]]:
    """Headings and the panels under them; a figure is there if some run has what it shows."""
    from wandb_workspaces import expr
    from wandb_workspaces.reports import v2 as wr

    score = f"cmb/{SELECT}/total"
    found = {
        "Settings and score": _settings(data, score),
        "Sub-exams": _bars(data),
        "Learning curves": _curves(data),
        "Costs": _costs(data, score),
        "Runs side by side": [(wr.RunComparer(diff_only="split"), WIDE)],
    }
    for heading, panels in found.items():
        if panels:
            runs = wr.Runset(
                entity=entity,
                project=project,
                name=f"study {data.name}",
                filters=expr.And(expr.Metric("Group") == data.name),
                order=[wr.OrderBy(wr.SummaryMetric(score), ascending=data.directions[0] == "minimize")],
            )
            yield wr.H2(heading), wr.PanelGrid(runsets=[runs], panels=_laid_out(panels))


def _settings(data: StudyData, score: str) -> list[tuple[Any, int]]:
    from wandb_workspaces.reports import v2 as wr

    from csft.report.wandb_axes import parallel, settings_of

    if score not in _figures(data):
        return []
    of = {name: settings_of(data, name) for name in data.parameters}
    names = list(dict.fromkeys(key for keys in of.values() for key in keys))
    logarithmic = [key for name, keys in of.items() if data.scales.get(name) == "log" for key in keys]
    scatter = wr.ScatterPlot(
        title="Cut-off length and score",
        x=wr.Config("cutoff"),
        y=wr.SummaryMetric(score),
        log_x=True,
    )
    importance = wr.ParameterImportancePlot(with_respect_to=score)
    first = [(parallel(names, logarithmic, score), WIDE)] if names else []
    return [*first, (scatter, HALF), (importance, HALF)]


def _bars(data: StudyData) -> list[tuple[Any, int]]:
    from wandb_workspaces.reports import v2 as wr

    there = _figures(data)
    panels: list[tuple[Any, int]] = []
    for split in (SELECT, TEST):
        for what, keys in (
            ("exam types", EXAM_TYPES.values()),
            ("sub-exams", (one.key for one in SUB_EXAMS)),
        ):
            named = [name for key in keys if (name := f"cmb/{split}/{key}") in there]
            if named:
                heading = f"Percent right in the {what} on {split}, the best {BARS} runs"
                bars = wr.BarPlot(title=heading, metrics=named, max_runs_to_show=BARS, max_bars_to_show=200)
                panels.append((bars, HALF))
    return panels


def _curves(data: StudyData) -> list[tuple[Any, int]]:
    from wandb_workspaces.reports import v2 as wr

    there = {key for trial in data.trials for row in trial.curves for key in row}
    lines = {
        "train/loss": "Loss in training",
        f"cmb/{SELECT}/total": f"Percent right on {SELECT} while training",
        "train/tokens_per_s": "Tokens per second",
        "train/memory_gb": "Memory in GB",
    }
    return [
        (wr.LinePlot(title=heading, x="step", y=[name], max_runs_to_show=LINES), HALF)
        for name, heading in lines.items()
        if name in there
    ]


def _costs(data: StudyData, score: str) -> list[tuple[Any, int]]:
    from wandb_workspaces.reports import v2 as wr

    there = _figures(data)
    axes = {"hours": "Hours and score", "chat/loss": "Loss on held-out conversations and score"}
    return [
        (wr.ScatterPlot(title=heading, x=wr.SummaryMetric(name), y=wr.SummaryMetric(score)), HALF)
        for name, heading in axes.items()
        if {name, score} <= there
    ]


def _figures(data: StudyData) -> set[str]:
    """The names under which the study's runs tell their figures."""
    return {name for trial in data.finished for run in trial.runs for name in run.result.summary()}


def _laid_out(panels: Sequence[tuple[Any, int]]) -> list[Any]:
    """From left to right and top to bottom."""
    from wandb_workspaces.reports import v2 as wr

    x = y = 0
    for panel, width in panels:
        if x + width > WIDE:
            x, y = 0, y + HIGH
        panel.layout = wr.Layout(x=x, y=y, w=width, h=HIGH)
        x += width
    return [panel for panel, _ in panels]
