"""What a server has of a run: `wandb sync` calls a run finished also where the server refused parts of it."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from csft.track.values import clean
from csft.track.wandb_open import Trial
from csft.track.wandb_segment import Segment
from csft.track.wandb_upload import ANSWER_S

COUNTED_WITHIN_S = 10  # a server may count rows a little after it took them


def missing(made: Sequence[tuple[Trial, Segment]]) -> dict[Path, str]:
    """Say what the server lacks of uploaded segments, by their folders; none of those that it has whole."""
    import wandb

    try:
        api = wandb.Api(timeout=ANSWER_S)
    except Exception as error:  # W&B's own kinds and those of what it is made of
        return {segment.folder: _untold(error) for _, segment in made}
    found = {segment.folder: _missing(api, trial, segment) for trial, segment in made}
    return {folder: why for folder, why in found.items() if why}


def _missing(api: Any, trial: Trial, segment: Segment) -> str | None:
    try:
        run = api.run("/".join(part for part in (trial.entity, trial.project, trial.run_id) if part))
        if (rows := _rows(run, segment.rows)) < segment.rows:
            return f"the server has {rows} of {segment.rows} rows"
        there = {(one.source_name.partition(":")[0], one.digest) for one in run.logged_artifacts()}
    except Exception as error:
        return _untold(error)
    lost = [name for name, digest in segment.artifacts.items() if (name, digest) not in there]
    return f"the server lacks {', '.join(lost)}" if lost else None


def _untold(error: Exception) -> str:
    text = clean(" ".join(str(error).split())[:200])
    return f"the server does not tell what it has: {type(error).__name__} {text}"


def _rows(run: Any, wanted: int) -> int:
    """The rows that the server counts, once it has counted `wanted`; all of them where it counts none."""
    until = time.monotonic() + COUNTED_WITHIN_S
    while True:
        counted = run.load(force=True).get("historyLineCount")
        if counted is None or counted >= wanted:
            return wanted
        if time.monotonic() > until:
            return int(counted)
        time.sleep(1)
