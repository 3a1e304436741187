"""Where the figures come from: study, exam, model, software, hardware; and what the report does not use."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from csft.report.study_data import SELECT, TEST, Run, StudyData
from csft.report.table import Cell, Column, Table
from csft.report.tables.table2 import INVENTED, invented
from csft.track.values import clean

SELECTION = (
    "Trials were judged on select, questions held out of CMB-train and of all training data; the test split "
    "was scored but never optimised."
)
FLATTERED = (
    "The winner's score on select is the best of several, so chance flatters it; nothing was chosen by its "
    "score on test, which is the one to quote."
)
Row = tuple[str, str, str]


def table(data: StudyData) -> Table:
    """What, and its value; where runs differ, which of them."""
    columns = (Column("about"), Column("what"), Column("value"))
    runs = [run for trial in data.finished for run in trial.runs]
    found = [*_study(data), *_exam(runs), *_made_of(runs), *_machine(runs)]
    rows: list[tuple[Cell, ...]] = [(about, what, clean(value)) for about, what, value in found if value]
    notes = [SELECTION, *([FLATTERED] if data.winner and TEST in data.marks else [])]
    if any(invented(run) for run in runs):
        notes.append(INVENTED)
    return Table("provenance", "Where the figures come from", columns, rows, tuple(notes))


def left_out(data: StudyData) -> Table:
    """What the report does not use, and why."""
    columns = (Column("trial"), Column("what"), Column("why"))
    rows = [[one.trial, one.what, one.why] for one in data.left_out]
    return Table("left-out", "What is left out of this report", columns, rows)


def _study(data: StudyData) -> Iterator[Row]:
    states = Counter(one.state for one in data.trials)
    hours = [one.hours for one in data.trials if one.hours is not None]
    goals = ", ".join(
        f"{name} ({direction})" for name, direction in zip(data.objectives, data.directions, strict=True)
    )
    yield "study", "name", data.name
    yield "study", "storage", data.storage
    yield "study", "objectives", goals
    yield "study", "trials", ", ".join(f"{count} {state}" for state, count in states.items())
    yield "study", "left out of this report", str(len(data.left_out))
    yield "study", "hours in all", f"{sum(hours):.2f}" if hours else ""
    yield "study", "seeds per trial", str(data.record.get("seeds", ""))
    yield "study", "command", str(data.record.get("command", ""))
    if data.winner and data.winner.command:
        yield "study", "command of the winner", data.winner.command


def _exam(runs: list[Run]) -> Iterator[Row]:
    for split in (SELECT, "val", TEST):
        asked = _told(runs, lambda run, at=split: _asked(run, at))  # type: ignore[misc]
        yield "exam", f"questions of {split}", asked
    for split in (SELECT, "val", TEST):
        yield "exam", f"content of {split}", _part(runs, "exams", split)
    yield "exam", "asked", _told(runs, lambda run: _words(run.manifest.get("exam", {}).get("tuned", {})))
    yield "exam", "held-out dialogues", _part(runs, "held_out")


def _made_of(runs: list[Run]) -> Iterator[Row]:
    yield "model", "checkpoint", _told(runs, lambda run: _checkpoint(run.settings.get("model", {})))
    yield "model", "content", _part(runs, "model")
    yield "software", "code of csft", _part(runs, "code")
    yield "software", "csft", _of_machine(runs, "csft")
    yield "software", "commit", _told(runs, lambda run: _commit(_environment(run).get("git")))
    yield "software", "python", _of_machine(runs, "python")
    packages = _told(
        runs,
        lambda run: _words({**run.manifest.get("parts", {}).get("libraries", {}), **_packages(run)}),
    )
    yield "software", "packages", packages


def _machine(runs: list[Run]) -> Iterator[Row]:
    yield "hardware", "platform", _of_machine(runs, "platform")
    yield "hardware", "processor", _of_machine(runs, "cpu")
    yield "hardware", "cores", _of_machine(runs, "cores")
    yield "hardware", "memory, GiB", _of_machine(runs, "memory_gib")
    yield (
        "hardware",
        "GPUs",
        _told(runs, lambda run: "; ".join(map(_words, _environment(run).get("gpus") or ()))),
    )
    yield "hardware", "device", _told(runs, lambda run: str(run.manifest.get("device", "")))
    yield "hardware", "processes per trial", _told(runs, lambda run: str(run.manifest.get("processes", "")))
    started = sorted(str(run.manifest["started"]) for run in runs if "started" in run.manifest)
    yield (
        "hardware",
        "trials started",
        " to ".join(dict.fromkeys((started[0], started[-1]))) if started else "",
    )


def _asked(run: Run, split: str) -> str:
    scores = run.result.scores.get(split)
    there = run.manifest.get("questions", {}).get(split)
    if scores is None:
        return f"0 of {there:,}, which screen the training data" if there else ""
    return f"{scores.n:,}" if there in (None, scores.n) else f"{scores.n:,} of {there:,}"


def _told(runs: list[Run], get: Callable[[Run], str]) -> str:
    """What runs say; where they differ, how many say what."""
    found = Counter(filter(None, map(get, runs)))
    if len(found) < 2:
        return "".join(found)
    return " | ".join(f"{value} ({count} of {len(runs)} runs)" for value, count in found.most_common())


def _part(runs: list[Run], *path: str) -> str:
    def get(run: Run) -> str:
        value: Any = run.manifest.get("parts", {})
        for key in path:
            value = value.get(key, {})
        return str(value or "")

    return _told(runs, get)


def _of_machine(runs: list[Run], name: str) -> str:
    return _told(runs, lambda run: str(_environment(run).get(name) or ""))


def _environment(run: Run) -> Mapping[str, Any]:
    found: Mapping[str, Any] = run.manifest.get("environment", {})
    return found


def _packages(run: Run) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _environment(run).get("packages", {})
    return found


def _checkpoint(model: Mapping[str, Any]) -> str:
    return f"{model.get('name')} ({model.get('path')})" if model else ""


def _commit(git: Mapping[str, Any] | None) -> str:
    return f"{git['commit']}{' with changes' if git.get('dirty') else ''}" if git else ""


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items() if value is not None)
