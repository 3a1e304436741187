"""What the words after `--compare` mean: run folders, trials of studies, or studies."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from csft.errors import DataError
from csft.report import reading
from csft.report.study_data import Run, StudyData, Trial
from csft.study import finding, outcomes
from csft.study.attributes import FOLDERS
from csft.study.storage import shown
from csft.track.runfolder import MANIFEST

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

ALLOWED = "run folders and trials (STUDY/NUMBER), or studies alone"


class Settings(Protocol):
    """Where studies are."""

    @property
    def storage(self) -> str:
        """The database; empty for the file below `output`."""

    @property
    def output(self) -> str:
        """The folder that trials were written under."""


@dataclass(frozen=True)
class Found:
    """Either `trials`, each under its label, or `studies`."""

    trials: tuple[Trial, ...] = ()
    labels: tuple[str, ...] = ()
    studies: tuple[StudyData, ...] = ()


@dataclass(frozen=True)
class _OneStudy:
    study: str
    storage: str
    output: str


def find(names: Sequence[str], settings: Settings) -> Found:
    """Look all names up. Raises DataError where one is nothing, or where trials and studies are mixed."""
    if repeated := {name for name in names if names.count(name) > 1}:
        raise DataError(f"--compare names {', '.join(sorted(repeated))} twice. Name different ones.")
    kinds = {name: _is_trial(name) for name in names}
    if any(kinds.values()):
        if studies := [name for name, trial in kinds.items() if not trial]:
            raise DataError(f"--compare: {', '.join(studies)} is no trial among trials. Allowed: {ALLOWED}.")
        trials = tuple(_trial(name, number, settings) for number, name in enumerate(names))
        return Found(trials, _labels(names))
    return Found(studies=tuple(_study(name, settings) for name in names))


def from_run(run: Run, number: int) -> Trial:
    """A run folder as a trial of its own."""
    return _made((run,), number, run.folder.name)


def _is_trial(name: str) -> bool:
    _, slash, number = name.rpartition("/")
    return (Path(name).expanduser() / MANIFEST).is_file() or bool(slash and number.isdigit())


def _trial(name: str, number: int, settings: Settings) -> Trial:
    folder = Path(name).expanduser()
    if (folder / MANIFEST).is_file():
        return from_run(reading.read_run(folder), number)
    study_name, _, asked = name.rpartition("/")
    study = finding.named(_OneStudy(study_name, settings.storage, settings.output))
    there = {one.number: one for one in outcomes.shown_trials(study)}
    if int(asked) not in there:
        numbers = f"{min(there)} to {max(there)}" if there else "none yet"
        raise DataError(f"{name}: study {study_name} has no trial {asked}. There: {numbers}.")
    return _of_study(name, study, there[int(asked)], number, settings)


def _of_study(name: str, study: "Study", one: "FrozenTrial", number: int, settings: Settings) -> Trial:
    state = outcomes.state(one)
    if one.state.name != "COMPLETE":
        why = outcomes.why(one)
        raise DataError(f"{name} is {state}{f' ({why})' if why else ''}. Only finished trials compare.")
    home = Path(settings.output).expanduser() / study.study_name
    folders = [reading.place_of(folder, home) for folder in one.user_attrs.get(FOLDERS, ())]
    if not folders:
        raise DataError(f"{name} has no run folder: other software made it.")
    runs = tuple(reading.read_run(folder) for folder in folders)
    return _made(runs, number, outcomes.setting(one), one)


def _made(runs: tuple[Run, ...], number: int, setting: str, one: "FrozenTrial | None" = None) -> Trial:
    first = runs[0].result
    passed = [row["train/epoch"] for row in first.curves if "train/epoch" in row]
    return Trial(
        number=number,
        state="finished",
        why="",
        setting=setting,
        params={key.lstrip("+"): value for key, value in one.params.items()} if one else {},
        command=outcomes.command(one) if one else None,
        values=() if first.objective is None else (first.objective,),
        score=first.objective,
        reported={},
        hours=sum(run.result.hours for run in runs),
        epochs=passed[-1] if passed else None,
        curves=first.curves,
        runs=runs,
    )


def _study(name: str, settings: Settings) -> StudyData:
    one = _OneStudy(name, settings.storage, settings.output)
    return reading.read(finding.named(one), shown(finding.address(one)), settings.output)


def _labels(names: Sequence[str]) -> tuple[str, ...]:
    """Names as they were given, run folders by their last part where that tells them apart."""
    short = [Path(name).name if (Path(name).expanduser() / MANIFEST).is_file() else name for name in names]
    return tuple(names) if len(set(short)) < len(names) else tuple(short)
