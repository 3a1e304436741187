"""Which trials may be compared: those that answered the same questions in the same way, on the same data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from csft.report.study_data import LeftOut, Run, Trial

# What of the exam's settings changes how a question is asked or read; sizes of batches change nothing.
ASKING = ("protocol", "prompt", "format", "shots", "rule", "max_new_tokens", "per_sub_exam")


def alike(trials: Sequence[Trial]) -> tuple[list[Trial], list[LeftOut]]:
    """Keep the runs of the largest group of trials that compare; name the others, with what differs."""
    groups: list[dict[str, Any]] = []
    members: list[list[int]] = []
    for place, trial in enumerate(trials):
        for run in trial.runs:
            content = contents(run)
            at = next((k for k, known in enumerate(groups) if not differing(known, content)), len(groups))
            if at == len(groups):
                groups.append({})
                members.append([])
            groups[at] |= content
            members[at].append(place)
    if len(groups) < 2:
        return list(trials), []
    main = max(range(len(groups)), key=lambda at: (len(set(members[at])), -at))
    kept, left_out = [], []
    for trial in trials:
        differs = [one for run in trial.runs for one in differing(groups[main], contents(run))]
        if differs:
            why = "not comparable with the other trials: " + "; ".join(dict.fromkeys(differs))
            left_out.append(LeftOut(trial.number, trial.setting, why))
        kept.append(replace(trial, runs=()) if differs else trial)
    return kept, left_out


def contents(run: Run) -> dict[str, Any]:
    """What has to be equal, by name: exam questions, way of asking, data of each dataset, dialogues."""
    parts: Mapping[str, Any] = run.manifest.get("parts", {})
    exams, data = parts.get("exams", {}), parts.get("data", {})
    asked: Mapping[str, Any] = parts.get("settings", {}).get("exam", {})
    return {
        **{f"questions of {split}": exams.get(split) for split in run.result.scores},
        **{f"exam.{name}": asked.get(name) for name in ASKING},
        **{f"data of {name}": content for name, content in data.items()},
        **({"held-out dialogues": parts["held_out"]} if run.result.chat else {}),
    }


def differing(known: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Say where two contents differ in what both have; empty where they compare."""
    return [
        f"{name} differ" if name.startswith(("questions", "data", "held")) else _told(name, known, other)
        for name in other
        if name in known and known[name] != other[name]
    ]


def _told(name: str, known: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    return f"{name}={other[name]} instead of {known[name]}"
