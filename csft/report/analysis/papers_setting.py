"""Which trial of a study is the paper's setting, and in what it differs from the authors' training file."""

from collections.abc import Mapping
from typing import Any

from csft.report.study_data import StudyData, Trial
from csft.study.domains import same
from csft.study.nearest import OPTION
from csft.study.starting import PAPER

ORIGIN = (
    "the paper's setting"  # what csft.study.starting marks its trial with; notes follow after a semicolon
)
MODEL = "internlm2_5_7b"


def paper_trial(data: StudyData) -> Trial | None:
    """The finished trial that was queued as the paper's setting, else one whose settings are the authors'."""
    marked = (one for one in data.finished if one.origin.partition(";")[0].strip() == ORIGIN)
    return next(marked, None) or next((one for one in data.finished if not departures(one)), None)


def moved(trial: Trial) -> tuple[str, ...]:
    """What the study's space did not offer of the paper's setting, as its starting point says."""
    what, *notes = (part.strip() for part in trial.origin.split(";"))
    return tuple(notes) if what == ORIGIN else ()


def named(trial: Trial, paper: Trial | None) -> str:
    """A trial by its number, the paper's setting by its name too."""
    if paper is None or trial.number != paper.number:
        return f"trial {trial.number}"
    return f"{the_papers(trial)} (trial {trial.number})"


def the_papers(trial: Trial) -> str:
    """What to call the trial that stands for the paper's setting."""
    return "the setting nearest to the paper's" if departures(trial) else "the paper's setting"


def departures(trial: Trial) -> tuple[str, ...]:
    """Where a trial's run differs from the authors' training file: `cutoff 512 instead of 1024`.

    The mix is named where it is another than theirs. Empty for a run that keeps to all of it.
    """
    if trial.run is None:
        return ()
    wanted = {key: text for key, text in PAPER.items() if text != "auto"} | {"mix": "paper", "model": MODEL}
    found = []
    for key, text in wanted.items():
        has = _told(trial.run.settings, OPTION.get(key, key))
        if has is not None and not same(_text(has), text):
            found.append(f"{key} {_text(has)} instead of {text}")
    return tuple(found)


def _told(settings: Mapping[str, Any], key: str) -> Any:
    value: Any = settings
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
