"""Which tracker a trial is shown by."""

from csft.errors import SettingError
from csft.track.tracker import NoTracker, Tracker
from csft.track.wandb_run import WandbTracker


def new_tracker(kind: str, project: str = "csft", entity: str | None = None, mode: str = "auto") -> Tracker:
    """Give the tracker of the settings under `tracker`."""
    if kind == "none":
        return NoTracker()
    if kind == "wandb":
        return WandbTracker(project, entity, mode)
    raise SettingError("tracker.kind", kind, "wandb | none")
