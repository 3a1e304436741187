"""What a study rests on: kept with it, compared when it is resumed, so that its trials stay comparable."""

from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

from omegaconf import DictConfig, OmegaConf

from csft.errors import CsftError
from csft.identity import LIBRARIES, UNDECIDING, UNDECIDING_TRAIN, code_hash
from csft.study.attributes import RECORD
from csft.study.space import Space
from csft.track.values import clean, flatten, plain

FORMAT = 1
# What may differ between machines: where things lie is no setting, what lies there is hashed trial by trial.
_PLACES = ("data.root", "data.cache", "exam.root", "model.path", "model.name", "mix.name")


def record(
    composed: DictConfig,
    space: Space,
    objectives: Sequence[str],
    seeds: int,
    command: str,
) -> dict[str, Any]:
    """Describe a study: `composed` are the settings all its trials share, `command` what a user typed."""
    return {
        "format": FORMAT,
        "space": space.as_record(),
        "objectives": list(objectives),
        "seeds": seeds,
        "settings": _settings(composed, space.keys),
        "code": code_hash(),
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "output": str(OmegaConf.select(composed, "output")),
        "inputs": {},
        "command": command,  # not compared: a larger total is the same study
    }


def inputs(parts: Mapping[str, Any], space: Space) -> dict[str, str]:
    """Name the contents that a trial's identity was made of: datasets, exams, dialogues, model.

    What the study itself varies is left out.
    """
    groups = {key.partition(".")[0] for key in space.keys}
    found = {} if "data" in groups else {f"data of {name}": part for name, part in parts["data"].items()}
    if not groups & {"exam", "data"}:
        found |= {f"exam split {split}": part for split, part in parts["exams"].items()}
    if not groups & {"chat", "data"}:
        found["held-out dialogues"] = parts["held_out"]
    return found if "model" in groups else {**found, "model": parts["model"]}


def check_same(name: str, stored: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise CsftError with every difference where a study was made with something else."""
    differences = [
        *_differences("search space", stored.get("space"), now["space"]),
        *_differences("objectives", stored.get("objectives"), now["objectives"]),
        *_differences("study.seeds", stored.get("seeds"), now["seeds"]),
        *_differences("setting", stored.get("settings"), now["settings"]),
        *_differences("library", stored.get("libraries"), now["libraries"]),
    ]
    if stored.get("code") != now["code"]:
        differences.append("code of csft: changed since")
    if differences:
        raise CsftError(
            f"study.name={name}: this study was made with something else, so its trials would not compare.\n"
            + "\n".join(f"  {line}" for line in differences)
            + f"\nGo on with what it was made with, or fork it: study.name={name}-2 study.fork={name} "
            "tries its settings first and reuses every result that is still the same."
        )


def changed(stored: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """Say where a trial read other data, exams or weights than the study's earlier ones; None if nowhere."""
    differs = [what for what, content in now.items() if stored.get(what, content) != content]
    if not differs:
        return None
    return (
        f"{', '.join(differs)}: changed since this study's earlier trials, which would not compare. "
        "Put the content back, or fork the study: study.name=… study.fork=…"
    )


def _settings(composed: DictConfig, varied: Sequence[str]) -> dict[str, Any]:
    every = OmegaConf.to_container(composed, resolve=True, throw_on_missing=False)
    assert isinstance(every, dict)
    flat = flatten(clean(plain({str(key): value for key, value in every.items() if key not in UNDECIDING})))
    left_out = {*_PLACES, *(f"train.{key}" for key in UNDECIDING_TRAIN)}
    varies = tuple(f"{key}." for key in varied)
    return {
        key: value
        for key, value in flat.items()
        if key not in left_out and key not in varied and not key.startswith(varies)
    }


def _differences(what: str, stored: Any, now: Any) -> list[str]:
    before, after = (flatten({what: value}) for value in (stored, now))
    return [
        f"{key.replace('.', ' ', 1)}: {_told(before.get(key))} → {_told(after.get(key))}"
        for key in {**before, **after}
        if before.get(key) != after.get(key)
    ]


def _told(value: Any) -> str:
    return "(none)" if value is None else str(value)


def stored_record(attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """A study's record out of its attributes; None where other software made the study."""
    found = attributes.get(RECORD)
    return dict(found) if isinstance(found, Mapping) and found.get("format") == FORMAT else None
