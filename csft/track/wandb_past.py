"""What W&B's own logs in a run folder know that the run folder does not: when rows came, the machine's load.

<run folder>/wandb/[offline-]run-<time>-<id>/run-<id>.wandb   the segment of the latest attempt
<run folder>/wandb/earlier/<segment>.wandb                    those of attempts before it
"""

import json
import shutil
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from csft.errors import CsftError
from csft.track.runfolder import RunFolder
from csft.track.wandb_log import kind, records

EARLIER = "earlier"
Place = tuple[int, int]  # of a row: its step, and how many of that step came before it


@dataclass
class Past:
    """Times in seconds since 1970."""

    start: float
    times: dict[Place, float] = field(default_factory=dict)
    stats: dict[int, Any] = field(default_factory=dict)  # records of system metrics, by nanoseconds
    machine: list[Any] = field(default_factory=list)  # records that describe it
    seen: Counter[int] = field(default_factory=Counter)  # rows by step

    def time(self, step: int, latest: float) -> float:
        """When the next row of this step came; where nobody knows, with the row before it."""
        place = (step, self.seen[step])
        self.seen[step] += 1
        return self.times.get(place, latest)


def past(folder: RunFolder, run_id: str) -> Past:
    """Read the logs that are there; of what two of them tell, the older counts."""
    found = Past(_started(folder))
    starts: list[float] = []
    for path in _logs(folder, run_id):
        rows: Counter[int] = Counter()
        with suppress(OSError):
            for record in records(path):
                _take(found, record, rows, starts)
    found.start = min(starts, default=found.start)
    return found


def set_aside(segments: Path, run_id: str) -> None:
    """Clear the place for a new attempt's segment; of older ones the log alone is kept."""
    for segment in segments.glob(f"*run-*-{run_id}"):
        for log in segment.glob("*.wandb"):
            (segments / EARLIER).mkdir(exist_ok=True)
            log.replace(segments / EARLIER / f"{segment.name}.wandb")
        shutil.rmtree(segment)


def _logs(folder: RunFolder, run_id: str) -> list[Path]:
    """The oldest first: the time is in the names."""
    place = folder.path / "wandb"
    found = [*place.glob(f"*run-*-{run_id}/*.wandb"), *(place / EARLIER).glob(f"*run-*-{run_id}.wandb")]
    named = {path: path.stem if path.parent.name == EARLIER else path.parent.name for path in found}
    return sorted(found, key=lambda path: named[path].removeprefix("offline-"))


def _take(found: Past, record: Any, rows: Counter[int], starts: list[float]) -> None:
    what = kind(record)
    if what == "run" and record.run.HasField("start_time"):
        starts.append(record.run.start_time.ToNanoseconds() / 1e9)
    elif what == "stats":
        found.stats.setdefault(record.stats.timestamp.ToNanoseconds(), record)
    elif what == "environment" and not rows:
        found.machine.append(record)
    elif what == "history":
        values = {item.key or ".".join(item.nested_key): item.value_json for item in record.history.item}
        with suppress(KeyError, ValueError):
            step, time = int(json.loads(values["step"])), float(json.loads(values["_timestamp"]))
            found.times.setdefault((step, rows[step]), time)
            rows[step] += 1


def _started(folder: RunFolder) -> float:
    """When the manifest says that the trial began; 0, the year 1970, where it does not."""
    try:
        return datetime.strptime(str(folder.manifest.get("started")), "%Y-%m-%dT%H:%M:%S%z").timestamp()
    except (CsftError, ValueError):
        return 0.0
