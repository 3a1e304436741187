"""Settings as axes of W&B's panels. It imports wandb-workspaces: import it inside functions.

csft sends a run's settings under dotted names, `mix.datasets.cmb` being one name. wandb-workspaces reads the
dots of `Config` as levels of nested settings and would look for `datasets.cmb` inside a setting `mix`.
"""

from collections.abc import Iterable, Sequence

from wandb_workspaces.reports import v2 as wr
from wandb_workspaces.reports.v2 import internal

from csft.report.study_data import StudyData
from csft.track.values import flatten

MOST_BELOW = 3  # settings shown for a parameter that stands for many


class SettingColumn(wr.ParallelCoordinatesPlotColumn):
    """A column of one setting, whose name has dots in it."""

    def _to_model(self) -> internal.Column:
        column: internal.Column = super()._to_model()
        column.accessor = f"config:{self.metric.name}.value"
        return column


def parallel(settings: Iterable[str], logarithmic: Iterable[str], score: str) -> wr.ParallelCoordinatesPlot:
    """Settings from left to right, the score last."""
    columns = [
        SettingColumn(wr.Config(name), display_name=name, log=name in set(logarithmic) or None)
        for name in settings
    ]
    last = wr.ParallelCoordinatesPlotColumn(wr.SummaryMetric(score), display_name=score)
    return wr.ParallelCoordinatesPlot(columns=[*columns, last], title="Settings and score")


def settings_of(data: StudyData, parameter: str) -> Sequence[str]:
    """The names under which a run's settings hold a parameter of the study; empty where none differ.

    A group such as `mix` is named in `mix.name`, a number for several settings in each of them.
    """
    flat = [flatten(run.settings) for trial in data.finished for run in trial.runs]
    if not flat:
        return ()
    for name in (parameter, f"{parameter}.name"):
        if name in flat[0]:
            return (name,)
    space = {key.lstrip("+"): one for key, one in data.record.get("space", {}).items()}
    words = [word.lstrip("+~") for word in space.get(parameter, {}).get("words", ())]
    below = [
        name
        for name in flat[0]
        if any(name == word or name.startswith(f"{word}.") for word in (parameter, *words))
        and len({repr(one.get(name)) for one in flat}) > 1
    ]
    return below[:MOST_BELOW]
