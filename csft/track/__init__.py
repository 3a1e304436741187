"""Tracking: the run folder, which is the truth, and the trackers fed from it."""

from csft.track.choice import new_tracker
from csft.track.ending import tags
from csft.track.environment import environment
from csft.track.find import find, find_finished
from csft.track.runfolder import RunFolder
from csft.track.tracker import NoTracker, State, SubExamRow, Tracker, exam_summary
from csft.track.wandb_run import WandbTracker

__all__ = [
    "NoTracker",
    "RunFolder",
    "State",
    "SubExamRow",
    "Tracker",
    "WandbTracker",
    "environment",
    "exam_summary",
    "find",
    "find_finished",
    "new_tracker",
    "tags",
]
