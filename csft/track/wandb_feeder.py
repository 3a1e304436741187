"""The background thread that makes every call into W&B.

A slow disk, a server that hangs or an upload delays this thread alone. Whatever fails is said once and
kept in `state.down`; the trial goes on, since its run folder holds the same figures.

A trial that continues after a kill gets one whole run. W&B replaces what it has of a run when a second
offline segment of the same id is uploaded, so the earlier segment is set aside and written anew from
metrics.jsonl; online, rows that the server has already are not sent again.
"""

import queue
import shutil
import threading
from pathlib import Path
from typing import Any

from csft.console import say
from csft.track.ending import FINISHED, Ending
from csft.track.tracker import State
from csft.track.values import clean
from csft.track.wandb_feed import Feed
from csft.track.wandb_mode import sync_command
from csft.track.wandb_open import Trial, open_run
from csft.track.wandb_past import set_aside


class Feeder(threading.Thread):
    """Opens a trial's run, replays what its folder has, then shows what it is given until an end is given."""

    def __init__(self, trial: Trial, state: State, patience_s: float) -> None:
        super().__init__(name=f"wandb-{trial.run_id}", daemon=True)
        self.trial, self.state, self.patience_s = trial, state, patience_s
        # Read before the first new row can be logged, so that no row is shown twice.
        self.earlier = trial.folder.metrics()
        self.items: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def give(self, kind: str, value: Any) -> None:
        """Hand over a `row`, or the end: a `result`, or an `ending` without one."""
        if self.is_alive():
            self.items.put((kind, value))

    def run(self) -> None:
        """Work until the run is closed or something fails."""
        try:
            feed = Feed(self._open(), self.trial.folder)
            for row in self.earlier:
                feed.row(row)
            kind, value = self.items.get()
            while kind == "row":
                feed.row(value)
                kind, value = self.items.get()
            if kind == "result":
                feed.end(Ending(FINISHED), value)
            else:
                feed.end(value)
        except Exception as error:
            give_up(self.state, error, f"catch up later with: {sync_command(self.trial.folder)}")

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
            give_up(self.state, error, f"kept offline; upload with: {sync_command(self.trial.folder)}")
            return run

    def _init(self, mode: str) -> Any:
        trial = self.trial
        set_aside(trial.segments, trial.run_id)
        run = open_run(trial, trial.folder.path, mode, self.patience_s)
        place = Path(run.dir).parent
        if not place.resolve().is_relative_to(trial.folder.path.resolve()):
            run.finish(exit_code=1)  # W&B turns to the system's temporary folder, which keeps nothing
            shutil.rmtree(place, ignore_errors=True)
            raise OSError(f"{trial.segments} cannot be written")
        self.state.place, self.state.address = str(place), run.url if mode == "online" else None
        return run


def give_up(state: State, error: Exception, advice: str = "its figures are in the run folder") -> None:
    """Record and say why W&B cannot be used: once for the start, once more if an opened run fails."""
    text = clean(str(error)).strip() or "no further word"
    reason = f"{type(error).__name__}: {text.splitlines()[0][:300]}"
    state.down = f"{state.down}; then {reason}" if state.down else reason
    say(f"W&B is not available ({reason}); the trial goes on, {advice}")
