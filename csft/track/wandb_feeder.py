"""The background thread that makes every call into W&B.

A slow disk, a server that hangs or an upload delays this thread alone. Whatever fails is said once and
kept in `state.down`; the trial goes on, since its run folder holds the same figures.

A trial that continues after a kill gets one whole run. W&B replaces what it has of a run when a second
offline segment of the same id is uploaded, so the earlier segment is deleted and written anew from
metrics.jsonl; online, rows that the server has already are not sent again.
"""

import queue
import shlex
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csft.console import say
from csft.track.runfolder import RunFolder
from csft.track.tracker import State, SubExamRow
from csft.track.values import clean, numbers, plain
from csft.track.wandb_mode import sync_command

FLUSH_S = 0.5  # at W&B's own 15 s, a kill loses what was logged since
TABLE_COLUMNS = ["exam type", "sub-exam", "科目", "questions", "score", "low", "high", "base"]


@dataclass(frozen=True)
class Trial:
    """What a run is called and filed under; `config` is flat and free of secrets."""

    folder: RunFolder
    config: dict[str, Any]
    study: str
    name: str
    run_id: str
    tags: list[str]
    project: str
    entity: str | None

    @property
    def segments(self) -> Path:
        """The folder that holds W&B's files of this trial."""
        return self.folder.path / "wandb"


class Feeder(threading.Thread):
    """Opens a trial's run, replays what its folder has, then shows what it is given until an end is given."""

    def __init__(self, trial: Trial, state: State, patience_s: float) -> None:
        super().__init__(name=f"wandb-{trial.run_id}", daemon=True)
        self.trial, self.state, self.patience_s = trial, state, patience_s
        # Read before the first new row can be logged, so that no row is shown twice.
        self.earlier = trial.folder.metrics()
        self.items: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def give(self, kind: str, value: Any) -> None:
        """Hand over a `row`, or the end: a `result`, a `failure`, or why it was `pruned`."""
        if self.is_alive():
            self.items.put((kind, value))

    def run(self) -> None:
        """Work until the run is closed or something fails."""
        advice = "its figures are in the run folder"
        try:
            run = self._open()
            advice = f"upload what is missing with: wandb sync {shlex.quote(str(self.state.place))}"
            feed = Feed(run)
            for row in self.earlier:
                feed.row(row)
            kind, value = self.items.get()
            while kind == "row":
                feed.row(value)
                kind, value = self.items.get()
            ends: dict[str, Callable[[Any], None]]
            ends = {"result": feed.result, "failure": feed.failure, "pruned": feed.pruned}
            ends[kind](value)
        except Exception as error:
            give_up(self.state, error, advice)

    def _open(self) -> Any:
        if self.state.mode == "offline":
            return self._init("offline")
        try:
            return self._init("online")
        except Exception as error:
            import wandb

            if wandb.run is not None:  # the reset below would end a run that is not ours
                raise
            wandb.teardown()  # W&B's own process still holds the run id of the failed start
            self.state.mode = "offline"
            run = self._init("offline")
            command = sync_command(self.trial.segments, self.trial.run_id)
            give_up(self.state, error, f"kept offline; upload with: {command}")
            return run

    def _init(self, mode: str) -> Any:
        import wandb

        trial = self.trial
        for segment in trial.segments.glob(f"*run-*-{trial.run_id}"):
            shutil.rmtree(segment)
        run = wandb.init(
            dir=trial.folder.path,
            id=trial.run_id,
            project=trial.project,
            entity=trial.entity,
            name=trial.name,
            group=trial.study,
            job_type="trial",
            tags=trial.tags,
            config=trial.config,
            resume="allow" if mode == "online" else None,
            reinit="create_new",  # a process may run many trials, and its user another run of their own
            settings=_settings(wandb, mode, self.patience_s),
        )
        place = Path(run.dir).parent
        if not place.resolve().is_relative_to(trial.folder.path.resolve()):
            run.finish(exit_code=1)  # W&B turns to the system's temporary folder, which keeps nothing
            shutil.rmtree(place, ignore_errors=True)
            raise OSError(f"{trial.segments} cannot be written")
        self.state.place, self.state.address = str(place), run.url if mode == "online" else None
        return run


class Feed:
    """Rows and the end of one open run."""

    def __init__(self, run: Any) -> None:
        self.run = run
        self.sent = run.step  # rows that a server has of this run from before
        self.given = 0
        run.define_metric("step")
        run.define_metric("*", step_metric="step")  # W&B's own counter forbids two rows of one step

    def row(self, row: Mapping[str, Any]) -> None:
        """Show one row of metrics.jsonl."""
        if self.given >= self.sent:
            self.run.log(numbers(clean(plain(row))))
        self.given += 1

    def result(self, result: Mapping[str, Any]) -> None:
        """Show summary and sub-exam tables, and close the run."""
        self.run.summary.update(numbers(clean(plain(result.get("summary", {})))))
        rows: list[SubExamRow] = list(result.get("sub_exams", ()))
        tables = {
            split: _table([r for r in rows if r["split"] == split]) for split in {r["split"] for r in rows}
        }
        if tables:
            self.run.log({f"cmb/{split}/sub_exams": table for split, table in tables.items()})
        self.run.finish(exit_code=0)

    def failure(self, reason: str) -> None:
        """Close the run as failed."""
        self.run.summary["failure"] = clean(reason)
        self.run.finish(exit_code=1)

    def pruned(self, reason: str) -> None:
        """Close the run of a trial that was given up."""
        self.run.summary["pruned"] = clean(reason)
        self.run.finish(exit_code=0)


def give_up(state: State, error: Exception, advice: str = "its figures are in the run folder") -> None:
    """Record and say why W&B cannot be used: once for the start, once more if an opened run fails."""
    text = clean(str(error)).strip() or "no further word"
    reason = f"{type(error).__name__}: {text.splitlines()[0][:300]}"
    state.down = f"{state.down}; then {reason}" if state.down else reason
    say(f"W&B is not available ({reason}); the trial goes on, {advice}")


def _settings(wandb: Any, mode: str, patience_s: float) -> Any:
    wanted = {
        "mode": mode,
        "silent": True,
        "console": "off",
        "disable_git": True,  # the manifest has the commit; a remote's address may hold a password
        "disable_code": True,
        "x_disable_meta": clean(sys.argv) != sys.argv,  # it would record the command line as it is
        "init_timeout": patience_s,
        "finish_timeout": patience_s,
        "finish_timeout_raises": True,
        "x_transaction_log_flush_interval": FLUSH_S,
    }
    known = wandb.Settings.model_fields  # names that start with x_ come and go between releases
    return wandb.Settings(**{name: value for name, value in wanted.items() if name in known})


def _table(rows: list[SubExamRow]) -> Any:
    import wandb

    data = []
    for row in rows:
        exam_type, _, sub_exam = row["key"].replace("_", " ").partition("/")
        figures = [row["n"], row["score"], row["low"], row["high"], row["base"]]
        data.append([exam_type, sub_exam, row["chinese"], *(plain(figure) for figure in figures)])
    return wandb.Table(columns=TABLE_COLUMNS, data=data)
