"""A trial as a Weights & Biases run, fed beside the training and never in its way."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from csft.console import say
from csft.track.ending import FAILED, PRUNED, Ending, ending
from csft.track.runfolder import RunFolder
from csft.track.tracker import State
from csft.track.wandb_feeder import Feeder, give_up
from csft.track.wandb_mode import check_mode, choose_mode, sync_command
from csft.track.wandb_open import RUN_ID_LENGTH, Trial, shown_config

PATIENCE_S = 30  # for a server to answer at the start, and again for the last rows at the end


class WandbTracker:
    """One W&B run per trial: its id from the identity, grouped by study, kept in `<run folder>/wandb`."""

    def __init__(
        self,
        project: str = "csft",
        entity: str | None = None,
        mode: str = "auto",
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.project, self.entity, self.mode, self.patience_s = project, entity, check_mode(mode), patience_s
        self.state = State("wandb")
        self._feeder: Feeder | None = None

    def start(
        self,
        folder: RunFolder,
        config: Mapping[str, Any],
        *,
        study: str,
        name: str,
        identity: str,
        tags: Sequence[str],
    ) -> None:
        """Say where the run goes, and open it in the background."""
        self.state = State("wandb")
        self._feeder = None
        trial = Trial(
            folder=folder,
            config=shown_config(config),
            study=study,
            name=name,
            run_id=identity[:RUN_ID_LENGTH],
            tags=list(tags),
            project=self.project,
            entity=self.entity,
        )
        # W&B's crash reports go to the same server, and a server that hangs would hold up the end by 20 s.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        try:
            import wandb

            # W&B's own words would break into progress bars; what matters of them is said here.
            wandb.setup(settings=wandb.Settings(silent=True))
            self.state.mode, reason = choose_mode(self.mode, wandb)
            say(_announcement(trial, self.state.mode, reason))
            if self.state.mode != "disabled":
                self._feeder = Feeder(trial, self.state, self.patience_s)
                self._feeder.start()
        except Exception as error:
            give_up(self.state, error)

    def log(self, step: int, values: Mapping[str, Any]) -> None:
        """Hand a row over to the background thread."""
        if self._feeder:
            self._feeder.give("row", {"step": step, **values})

    def finish(self, result: Mapping[str, Any]) -> None:
        """Show the result and close the run; waits for W&B at most three times its patience."""
        self._close("result", result)

    def abandon(self, reason: str) -> None:
        """Close the run as failed."""
        folder = self._feeder.trial.folder if self._feeder else None
        told = ending(folder, finished=False) if folder and folder.failure() else Ending(FAILED, reason)
        self._close("ending", told)

    def prune(self, reason: str) -> None:
        """Close the run as finished; its summary says that it was given up, and why."""
        self._close("ending", Ending(PRUNED, reason))

    def _close(self, kind: str, value: Any) -> None:
        if self._feeder is None:
            return
        self._feeder.give(kind, value)
        limit = 3 * self.patience_s  # to open online, to open offline instead, to send the last rows
        self._feeder.join(limit)
        if self._feeder.is_alive():
            give_up(self.state, TimeoutError(f"no answer within {limit:g} s"))
        self._feeder = None


def _announcement(trial: Trial, mode: str, reason: str) -> str:
    if mode == "disabled":
        return f"W&B: off ({reason})"
    if mode == "online":
        return f"W&B: online, project {trial.project}, run {trial.run_id} ({reason})"
    return f"W&B: offline ({reason}); upload with: {sync_command(trial.folder)}"
