"""The tables of the benchmark of studies, from the runs alone."""

import statistics
from collections.abc import Mapping
from typing import Any

import measure
from measure import Run
from study_plan import PEER, SIDES, Model, Side, key

SAME = 1e-4  # losses that differ by no more than this are equal
Runs = dict[str, list[Run]]
HEADER = ("", "makespan, s", "min–max", "×", "CPU-hours", "×", "peak MB", "training, s", "others")
SHARED = "shared"  # csft's word for seconds of training that another trial did
STAGES = ("load", "data", "base exam", "training", "save", "exam")


def compared(runs: Runs, model: Model, tune: str, sides: tuple[Side, ...] = SIDES) -> str:
    """A study by every way that was measured; × is against the first of them, and so are scores."""
    there = [side for side in sides if key(model, tune, side) in runs]
    first = runs[key(model, tune, there[0])]
    rows: list[measure.Row] = []
    for side in there:
        some = runs[key(model, tune, side)]
        walls = [one.wall_s for one in some]
        row: list[str | int | float] = [
            side.name,
            measure.median(some, "wall_s"),
            f"{min(walls):.0f}–{max(walls):.0f}",
            _times(first, some, "wall_s"),
            measure.median(some, "cpu_s") / 3600,
            _times(first, some, "cpu_s"),
            measure.median(some, "peak_mb"),
            statistics.median(training_s(one) for one in some),
            f"{100 * max(one.others for one in some):.0f} %",
        ]
        told = (
            scores(some[0], first[0]) if side.exams else losses(side, some[0], _one(runs, model, tune, PEER))
        )
        rows.append([*row, told])
    what = "scores against the first" if there[0].exams else f"losses against {PEER}'s"
    return measure.markdown([*HEADER, what], rows)


def stages(runs: Runs, model: Model, tune: str, sides: tuple[Side, ...] = SIDES) -> str:
    """Where csft's makespan goes: seconds of its trials' stages together, and what is outside of all.

    Of the updates, how many were trained, and how many trials went through them on average.
    """
    rows: list[measure.Row] = []
    for side in sides:
        some = runs.get(key(model, tune, side))
        if some and not side.peer:
            spent = [statistics.median(spent_s(one, stage) for one in some) for stage in STAGES]
            outside = statistics.median(one.wall_s - _all_s(one) for one in some)
            rows.append([side.name, *_updates(some[0]), *spent, outside])
    stages = (*(f"{stage}, s" for stage in STAGES), "outside of trials, s")
    return measure.markdown(["", "updates trained", "side by side", *stages], rows)


def _updates(one: Run) -> tuple[str, float]:
    """Updates trained, of all there are; trials that trained at the same time."""
    found = [trial["training"] for trial in one["trials"].values() if trial["training"]]
    every = sum(int(training["updates"]) for training in found)
    shared = sum(int(training["shared_updates"]) for training in found)
    return f"{every - shared} of {every}", 1 + statistics.fmean(training["companions"] for training in found)


def training_s(one: Run) -> float:
    """Seconds that the trials of a study trained, together."""
    return spent_s(one, "training")


def spent_s(one: Run, stage: str) -> float:
    """Seconds that the trials of a study spent in a stage, together."""
    return sum(trial["seconds"].get(stage, 0.0) for trial in one["trials"].values())


def losses(side: Side, ours: Run, theirs: Run | None) -> str:
    """How far the losses of all trials are apart, update by update, or what is not comparable."""
    if side.peer or theirs is None:
        return ""
    if cut := [name for name, trial in ours["trials"].items() if not trial["finished"]]:
        return f"{len(cut)} trials given up"
    apart = [_apart(trial, ours["trials"][name]) for name, trial in theirs["trials"].items()]
    if None in apart:
        return "OTHER UPDATES"
    most = max(one for one in apart if one is not None)
    updates = sum(len(trial["loss"]) for trial in theirs["trials"].values())
    told = f"{most:.1e} apart at most in {len(apart)} trials, {updates} updates"
    return f"{'equal' if most <= SAME else 'NOT EQUAL'}: {told}"


def scores(ours: Run, theirs: Run) -> str:
    """How far the scores on `select` are apart, trial by trial, and how many trials were given up."""
    pairs = [(trial, ours["trials"][name]) for name, trial in theirs["trials"].items()]
    both = [(a["score"], b["score"]) for a, b in pairs if a["finished"] and b["finished"]]
    given_up = f", {len(pairs) - len(both)} given up" if len(both) < len(pairs) else ""
    same = sum(a == b for a, b in both)
    most = max((abs(a - b) for a, b in both), default=0.0)
    return f"{same} of {len(both)} equal, {most:.1f} points apart at most{given_up}"


def _apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> float | None:
    if len(one["loss"]) != len(other["loss"]):
        return None
    return max(abs(a - b) for a, b in zip(one["loss"], other["loss"], strict=True))


def falls(one: Run) -> str:
    """First and last loss of the trial that trains longest, of each cut-off and rate."""
    longest: dict[str, list[float]] = {}
    for name, trial in sorted(one["trials"].items()):
        longest[name.rpartition("-")[0]] = trial["loss"]
    return ", ".join(f"{name} {some[0]:.2f} → {some[-1]:.2f}" for name, some in longest.items())


def _all_s(one: Run) -> float:
    """Without what another trial's clock has counted already."""
    own = [{**trial["seconds"], SHARED: 0.0} for trial in one["trials"].values()]
    return sum(sum(seconds.values()) for seconds in own)


def _one(runs: Runs, model: Model, tune: str, name: str) -> Run | None:
    some = runs.get(key(model, tune, Side(name)))
    return some[0] if some else None


def _times(first: list[Run], some: list[Run], name: str) -> str:
    return f"{measure.median(first, name) / measure.median(some, name):.2f}"
