"""A study as a report needs it, read from its database and its trials' run folders."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.errors import CsftError, DataError
from csft.report import comparable, marks
from csft.report.study_data import LeftOut, Run, StudyData, Trial
from csft.result import from_folder
from csft.study import outcomes
from csft.study.attributes import FOLDERS, ORIGIN, SPENT, SUMMARY
from csft.track import RunFolder
from csft.track.runfolder import RESULT

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

SCORED = ("finished", "infeasible")  # Optuna gives a pruned trial its latest score as a value


def read(study: "Study", storage: str, output: str | Path = "outputs") -> StudyData:
    """Read a study; `storage` is its address as it may be shown, `output` where moved run folders are sought.

    A trial whose folder is gone or damaged, or that was scored on another exam or trained on another content
    of the same dataset than most, keeps its row and loses its runs; `left_out` says why. Raises DataError
    for a study that other software made.
    """
    record = outcomes.record(study)
    if record is None:
        raise DataError(
            f"study={study.study_name} was made by other software and has no run folders. "
            "Its trials are shown by: python -m csft.study dashboard"
        )
    found = outcomes.shown_trials(study)
    left_out: list[LeftOut] = []
    home = Path(output).expanduser() / study.study_name
    trials = [_trial(one, home, left_out) for one in found]
    trials, other = comparable.alike(trials)
    trials, answers, unread = marks.read(trials)
    left_out += [*other, *unread]
    return StudyData(
        name=study.study_name,
        storage=storage,
        objectives=tuple(outcomes.objectives(study)),
        directions=tuple(one.name.lower() for one in study.directions),
        record=record,
        trials=tuple(trials),
        best=_best(study, trials),
        marks=answers,
        left_out=tuple(left_out),
        attributes={key: value for key, value in study.user_attrs.items() if key != "csft"},
        scales=_scales(found),
    )


def read_run(path: Path) -> Run:
    """One finished run folder. Raises DataError where it is none, unfinished or damaged."""
    folder = RunFolder(path)
    if damaged := folder.damage():
        raise DataError(
            f"{path}: {', '.join(damaged)} missing, changed or unreadable since the trial finished."
        )
    if not (path / RESULT).exists():
        raise DataError(f"{path}: there is no finished trial in it.")
    try:
        return Run(path, folder.config, folder.manifest, from_folder(folder))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} holds a result of another version of csft ({error!r}).") from None


def _trial(trial: "FrozenTrial", home: Path, left_out: list[LeftOut]) -> Trial:
    state = outcomes.state(trial)
    folders = [place_of(one, home) for one in trial.user_attrs.get(FOLDERS, ())]
    runs: list[Run] = []
    if state in SCORED:
        try:
            runs = [read_run(folder) for folder in folders]
        except CsftError as error:
            left_out.append(LeftOut(trial.number, outcomes.setting(trial), str(error)))
            runs = []
    spent: Mapping[str, float] = trial.user_attrs.get(SPENT, {})
    summary: Mapping[str, float] = trial.user_attrs.get(SUMMARY, {})
    params = trial.params or trial.system_attrs.get("fixed_params") or {}
    return Trial(
        number=trial.number,
        state=state,
        why=outcomes.why(trial),
        setting=outcomes.setting(trial),
        params={key.lstrip("+"): value for key, value in params.items()},
        command=outcomes.command(trial),
        values=tuple(trial.values or ()) if state in SCORED else (),
        score=outcomes.latest_score(trial),
        reported=trial.intermediate_values,
        hours=summary.get("hours", spent.get("hours")),
        epochs=spent.get("epochs", summary.get("epochs")),
        curves=runs[0].result.curves if runs else _curves(folders),
        runs=tuple(runs),
        origin=str(trial.user_attrs.get(ORIGIN, "")),
    )


def place_of(folder: str, home: Path) -> Path:
    """Where a run folder is now: as it was written, or below `home` if everything was moved."""
    written = Path(folder)
    moved = home / written.name
    return moved if not written.is_dir() and moved.is_dir() else written


def _curves(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """What an unfinished trial has logged."""
    try:
        return RunFolder(folders[0]).metrics() if folders else []
    except (CsftError, OSError):
        return []


def _best(study: "Study", trials: Iterable[Trial]) -> tuple[int, ...]:
    """Winners among the trials that can be compared.

    Where the study's own winner cannot (its folder is damaged), the best of the others: `left_out` tells.
    """
    able = {one.number: one for one in trials if one.eligible}
    if found := tuple(one.number for one in outcomes.winners(study) if one.number in able):
        return found
    sign = -1 if study.directions[0].name == "MAXIMIZE" else 1
    return tuple(sorted(able, key=lambda number: (sign * able[number].values[0], number))[:1])


def _scales(trials: Iterable["FrozenTrial"]) -> dict[str, str]:
    """How each parameter was searched: log, linear or category."""
    scales: dict[str, str] = {}
    for trial in trials:
        for key, one in trial.distributions.items():
            numeric = "log" if getattr(one, "log", False) else "linear"
            scales[key.lstrip("+")] = "category" if hasattr(one, "choices") else numeric
    return scales
