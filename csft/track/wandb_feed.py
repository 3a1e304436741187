"""What a W&B run is given: rows of metrics.jsonl, and at the end figures, tables and artifacts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from csft.track.ending import FINISHED, Ending, exams, summary
from csft.track.runfolder import RunFolder
from csft.track.values import clean, numbers, plain
from csft.track.wandb_artifacts import artifacts, staged
from csft.track.wandb_tables import tables


class Feed:
    """Rows and the end of one open run."""

    def __init__(self, run: Any, folder: RunFolder) -> None:
        self.run, self.folder = run, folder
        # Rows that a server has from before. A run that goes on starts at 0 by `step` until its first row.
        self.sent = max(run.step, run.starting_step)
        self.given = self.last = 0
        run.define_metric("step")
        run.define_metric("*", step_metric="step")  # W&B's own counter forbids two rows of one step

    def row(self, row: Mapping[str, Any], time: float | None = None) -> None:
        """Show one row of metrics.jsonl, as of `time` (seconds since 1970) where it is not now."""
        self.last = row["step"]
        if self.given >= self.sent:
            stamp = {} if time is None else {"_timestamp": time}
            self.run.log({**numbers(clean(plain(row))), **stamp})
        self.given += 1

    def end(self, end: Ending, result: Mapping[str, Any] | None = None, time: float | None = None) -> None:
        """Show how the trial ended and close the run. Curves end with the final exams where there are any."""
        result = result if end.state == FINISHED else None
        if result is not None and (scores := exams(result)):
            self.row({"step": self.last, **scores}, time)
        shown, counts = tables(self.folder, result)
        figures = summary(self.folder, end, result) | counts
        self.run.summary.update(numbers(clean(plain(figures))))
        with staged(Path(self.run.dir).parent / "staged"):
            # In the summary, not in a row: online, a row that has arrived is not sent again, and its table
            # would be missing for good where the server went down in between.
            self.run.summary.update({name: _table(*table) for name, table in shown.items()})
            for artifact in artifacts(self.folder, self.run.id):
                self.run.log_artifact(artifact)
        self.run.finish(exit_code=end.exit_code)


def _table(columns: list[str], rows: list[list[Any]]) -> Any:
    import wandb

    return wandb.Table(columns=columns, data=rows)
