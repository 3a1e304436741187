"""A trial's stages: what others have trained of its training, and what it leaves for them.

A stage holds more than weights: the rows that were logged up to it and the exams that were taken on the way,
so that the trial's folder becomes what it had become if it had trained all by itself.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from csft import stages, train
from csft.console import say
from csft.feeding import Batches
from csft.files import write_json
from csft.job import Job
from csft.result import OBJECTIVE_SPLIT, Rung
from csft.rungs import Log, Rungs
from csft.stages import Route, Sharing, Tail
from csft.track.runfolder import METRICS

LEAST = 0.05  # what is less of the other training's updates is not worth a stage
TRIAL, RUNGS = "trial.jsonl", "rungs.jsonl"
SHARED, EARLIER = "shared", "earlier"  # among a trial's seconds: what others, and earlier attempts, have done


def sharing(job: Job, batches: Batches) -> Sharing | None:
    """The stages that the trial may begin from or leave; None where nothing is shared."""
    study = job.config.study
    if not study.share or job.ranks.count > 1:
        return None
    store = stages.Store(job.where.study.parent / ".stages", study.share_gb * 1e9)
    try:
        with store.lock():
            pass
    except (OSError, NotImplementedError) as error:
        say(f"{store.folder}: no lock on this file system ({error}), so no training is shared")
        return None
    parts = job.identity.parts
    family = stages.family(parts, job.attention[0], job.optimizer[0], job.watch.every)
    route = _route(job, batches, Tail.of(job.config))
    points = _points(job, batches) if store.most else {}
    return Sharing(store, family, job.name, route=route, points=points, texts=lambda step: _texts(job, step))


def adopt(job: Job, start: train.Checkpoint, rungs: Rungs, log: Log) -> None:
    """Make the trial's folder what it were if it had trained the stage itself; `log` is told its rows."""
    by = start.state["done"]["shared_from"]
    say(f"This trial begins after update {start.step}, which {by} has trained ({start.folder})")
    for row in _read(start, METRICS):
        log(int(row["step"]), {name: value for name, value in row.items() if name != "step"})
    for one in _read(start, RUNGS):
        write_json(rungs.folder / f"{OBJECTIVE_SPLIT}-{one['update']:08d}.json", one)
    rungs.rewind(start.step)
    job.most_memory = max(job.most_memory, int(_read(start, TRIAL)[0]["memory"]))
    book(job, start, rungs.taken.values())


def book(job: Job, start: train.Checkpoint, taken: Iterable[Rung]) -> None:
    """Note what others, and earlier attempts, have spent on the training that goes on from `start`."""
    done = start.state["done"]
    spent = {SHARED: done["shared_seconds"], EARLIER: done["seconds"] - done["shared_seconds"]}
    for one in taken:
        spent[SHARED if one.update < done["shared_updates"] else EARLIER] += one.seconds
    job.seconds |= {stage: round(seconds, 3) for stage, seconds in spent.items() if seconds}


def _route(job: Job, batches: Batches, tail: Tail) -> Route:
    plan = train.Epochs(batches.epoch, tail.epochs)
    rates = train.rates(tail.put_on(job.config.train), job.config.lr, len(plan))
    return Route(plan, rates, batches.mixture.rows.origins)


def _points(job: Job, batches: Batches) -> dict[int, bool]:
    """Where the trainings of other trials part from this one, as far as it is worth a stage (`Route`)."""
    tails, rows = job.watch.siblings, batches.mixture.rows
    if job.config.train.validation:  # what is held out depends on the rows
        tails = [tail for tail in tails if batches.mixture.over(tail.epochs).rows is rows]
    # An epoch has the same records however many there are: each is planned once, for all.
    longest = batches.over(max([job.config.epochs, *(tail.epochs for tail in tails)]))
    mine = _route(job, longest, Tail.of(job.config))
    return mine.points((_route(job, longest, tail) for tail in tails), LEAST)


def _texts(job: Job, step: int) -> dict[str, str]:
    """What a stage holds beside the state: an exam that is due right after it is taken by each trial."""
    rows = [row for row in job.folder.metrics() if row["step"] <= step]
    exams = [path.read_text(encoding="utf-8") for path in sorted((job.folder.path / "rungs").glob("*.json"))]
    taken = [one for one in map(json.loads, exams) if one["update"] < step]
    about = {
        "trial": job.name,
        "identity": job.identity.hash,
        "memory": max(job.most_memory, train.high_water.highest(job.device)),
    }
    return {METRICS: _lines(rows), RUNGS: _lines(taken), TRIAL: _lines([about])}


def _lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _read(stage: train.Checkpoint, name: str) -> list[dict[str, Any]]:
    text = (stage.folder / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
