"""A run made anew from its run folder alone, as a segment that `wandb sync` uploads.

W&B's own client writes it, offline. Afterwards its times are set to what they were: when the trial began,
when each row came, how the machine was loaded, as far as `csft.track.wandb_past` can tell. Nothing in it
depends on when or how often it is made but random names that W&B gives to uploads.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csft.track.ending import ending
from csft.track.wandb_feed import Feed
from csft.track.wandb_log import kind, records, write
from csft.track.wandb_open import Trial, open_run
from csft.track.wandb_past import Past, past

PATIENCE_S = 20
RUN_TABLE = "run_table"  # W&B's type of a table's artifact
NOTHING_OF_HERE = {
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
}


@dataclass(frozen=True)
class Segment:
    """What was made: its folder, and what the run has."""

    folder: Path
    state: str  # how the trial ended
    rows: int
    artifacts: dict[str, str]  # digests by name, without the tables that W&B keeps as artifacts too


def make(trial: Trial, place: Path) -> Segment:
    """Write the segment below `place`.

    Raises CsftError, OSError, ValueError, KeyError or TypeError where the run folder is damaged.
    """
    known, rows, result = past(trial.folder, trial.run_id), trial.folder.metrics(), trial.folder.result()
    end = ending(trial.folder, result is not None)
    run = open_run(trial, place, "offline", PATIENCE_S, **NOTHING_OF_HERE)
    try:
        feed, came = Feed(run, trial.folder), known.start
        for row in rows:
            came = known.time(row["step"], came)
            feed.row(row, came)
        feed.end(end, result, known.time(feed.last, came))
    except BaseException:
        run.finish(exit_code=1)
        raise
    folder = Path(run.dir).parent
    (log,) = folder.glob("*.wandb")
    retold = list(_retold(_written(log), known))
    write(log, retold)
    logged = [record.artifact for record in retold if kind(record) == "artifact"]
    digests = {one.name: one.digest for one in logged if one.type != RUN_TABLE}
    return Segment(folder, end.state, feed.given, digests)


def _written(log: Path) -> list[Any]:
    """The records of a closed run; W&B's own process may write the last of them a little later."""
    until = time.monotonic() + PATIENCE_S
    while True:
        found = list(records(log))
        if any(kind(record) == "exit" for record in found):
            return found
        if time.monotonic() > until:
            raise OSError(f"{log} was not written to its end within {PATIENCE_S} s")
        time.sleep(0.05)


def _retold(written: list[Any], known: Past) -> Iterator[Any]:
    lasted = max((came - known.start for came in known.times.values()), default=0.0)
    for record in written:
        what = kind(record)
        if what == "run":
            record.run.start_time.FromNanoseconds(round(known.start * 1e9))
        elif what == "history":
            _set_runtime(record.history.item, known.start)
        elif what == "summary":
            _set_lasted(record.summary.update, lasted)
        elif what == "exit":
            record.exit.runtime = round(lasted)
            yield from (stats for _, stats in sorted(known.stats.items()))
        yield record
        if what == "run":
            yield from known.machine[:1]


def _set_runtime(items: Any, start: float) -> None:
    named = {item.key or ".".join(item.nested_key): item for item in items}
    if {"_runtime", "_timestamp"} <= named.keys():
        named["_runtime"].value_json = json.dumps(json.loads(named["_timestamp"].value_json) - start)


def _set_lasted(items: Any, lasted: float) -> None:
    for item in items:
        if (item.key or ".".join(item.nested_key)) in ("_runtime", "_wandb.runtime"):
            item.value_json = json.dumps(round(lasted))
