"""What `python -m csft.study` does: studies, trials and winners of a storage, for the terminal."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.cmb import SUB_EXAMS
from csft.console import print_table, say, table
from csft.errors import DataError
from csft.fields import choice, setting
from csft.study import outcomes
from csft.study.artifacts import FOLDER
from csft.study.attributes import FOLDERS, TOTAL
from csft.study.finding import address, load, named, names_in, storage_of
from csft.study.outcomes import SELECT
from csft.study.serving import HOST, serve
from csft.study.storage import shown

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

LINE, YAML = "line", "yaml"


@dataclass(frozen=True)
class Settings:
    """What the commands can be told; the fields are their words."""

    study: str = ""
    storage: str = ""
    output: str = "outputs"
    trial: int | None = None
    format: str = choice(LINE, LINE, YAML)
    port: int = setting(8080, "a port from 0 (any that is free) to 65535", lambda v: 0 <= v <= 65535)


def list_(settings: Settings) -> None:
    """All studies: trials by state, best, last change."""
    storage = storage_of(settings)
    names = names_in(storage)
    made = table(f"Studies in {shown(address(settings))}", "study", "trials", "best", "last change", "states")
    made.columns[-1].justify = "left"
    for name in names:
        study = load(storage, name)
        trials = outcomes.shown_trials(study)
        states = ", ".join(f"{number} {state}" for state, number in outcomes.counts(trials).items())
        of = f" of {study.user_attrs[TOTAL]}" if TOTAL in study.user_attrs else ""
        made.add_row(_titled(study), f"{len(trials)}{of}", _best_values(study), _changed(trials), states)
    print_table(made)
    say("\nnext  python -m csft.study show study=NAME" if names else "There is no study in it yet.")


def show(settings: Settings) -> None:
    """All trials of study=NAME: parameters, score, hours, state."""
    study = named(settings)
    names = outcomes.objectives(study)
    headings = ["trial", "setting", *names, "interval", "hours", "state"]
    made = table(f"study {_titled(study)}", *headings)
    made.columns[1].justify = made.columns[-1].justify = "left"
    best = {one.number for one in outcomes.winners(study)}
    for trial in outcomes.shown_trials(study):
        made.add_row(f"{trial.number}{' *' if trial.number in best else ''}", *_cells(trial, len(names)))
    print_table(made)
    states = ", ".join(
        f"{number} {state}" for state, number in outcomes.counts(outcomes.shown_trials(study)).items()
    )
    say(f"\n{states or 'no trials'}{'; * is best' if best else ''}")


def best(settings: Settings) -> None:
    """The winner of study=NAME (several objectives: the Pareto front)."""
    study = named(settings)
    found = _winners(study)
    show_best(study, found)
    which = f" trial={found[0].number}" if len(found) > 1 else ""
    say(f"\nnext         python -m csft.study export study={study.study_name}{which}")


def export(settings: Settings) -> None:
    """The winner as one command line alone, for $(…); format=yaml: all its settings."""
    study = named(settings)
    trial = _chosen(study, settings.trial)
    line = outcomes.command(trial)
    if line is None:
        raise DataError(
            f"study={study.study_name}: trial {trial.number} was made by other software, "
            f"which left no command line. Its parameters: {trial.params}"
        )
    print(_config(trial) if settings.format == YAML else line)


def dashboard(settings: Settings) -> None:
    """The Optuna dashboard on 127.0.0.1, until Ctrl-C."""
    storage = storage_of(settings)
    artifacts = _output(settings, storage) / FOLDER
    with serve(storage, artifacts, settings.port) as server:
        page = f"http://{HOST}:{server.server_port}/"
        say(f"{page}   ({shown(address(settings))}, files in {artifacts}; Ctrl-C ends it)")
        server.serve_forever()


def show_best(study: "Study", found: Sequence["FrozenTrial"]) -> None:
    """Print one winner in full, or the trade-offs of a Pareto front as a table."""
    if len(found) == 1:
        _show_winner(study, found[0])
        return
    names = outcomes.objectives(study)
    made = table(
        f"trade-offs of {study.study_name}: none is beaten in everything", "trial", "setting", *names
    )
    made.columns[1].justify = "left"
    for trial in found:
        made.add_row(str(trial.number), outcomes.setting(trial), *(f"{value:.4g}" for value in trial.values))
    print_table(made)


def _show_winner(study: "Study", trial: "FrozenTrial") -> None:
    names = outcomes.objectives(study)
    values = ", ".join(f"{name} {value:.4g}" for name, value in zip(names, trial.values, strict=True))
    stored = outcomes.result(trial)
    figure = outcomes.total(stored)
    noise = f" (95 % interval {figure['low']:.1f} to {figure['high']:.1f}, n {figure['n']})" if figure else ""
    say(f"\nbest of {study.study_name}: trial {trial.number}, {outcomes.setting(trial)}")
    say(f"  {values}{noise}")
    rows = outcomes.sub_exams(stored)
    if rows:
        print_table(_sub_exams(rows))
    for folder in trial.user_attrs.get(FOLDERS, ()):
        gone = "" if Path(folder).is_dir() else " (no longer there)"
        say(f"run folder   {folder}{gone}")
    if line := outcomes.command(trial):
        say(f"repeat it    {line}")


def _sub_exams(rows: dict[str, dict[str, dict[str, Any]]]) -> Any:
    splits = sorted(
        {split for by_split in rows.values() for split in by_split}, key=lambda one: one != SELECT
    )
    headings = [heading for split in splits for heading in (f"{split} n", "base", "tuned", "interval")]
    made = table("percent right: untrained base, tuned model, 95 % interval", "sub-exam", *headings)
    for sub in SUB_EXAMS:
        cells: list[str] = []
        for split in splits:
            row = rows.get(sub.key, {}).get(split)
            base = "" if row is None or row["base"] is None else f"{row['base']:.1f}"
            cells += (
                [str(row["n"]), base, f"{row['score']:.1f}", f"{row['low']:.0f} to {row['high']:.0f}"]
                if row
                else [""] * 4
            )
        made.add_row(f"{sub.exam_type} {sub.exam_class}", *cells)
    return made


def _cells(trial: "FrozenTrial", objectives: int) -> list[str]:
    values, latest = [""] * objectives, outcomes.latest_score(trial)
    if outcomes.state(trial) in ("finished", "infeasible"):
        values = [f"{value:.4g}" for value in trial.values]
    elif latest is not None:
        values[0] = f"({latest:.4g})"  # of an exam during training, or of a part of one
    ends = outcomes.interval(trial)
    noise = f"{ends[0]:.1f} to {ends[1]:.1f}" if ends else ""
    hours = outcomes.hours(trial)
    why = outcomes.why(trial)
    state = outcomes.state(trial) + (f": {outcomes.one_line(why, 60)}" if why else "")
    return [outcomes.setting(trial), *values, noise, "" if hours is None else f"{hours:.2f}", state]


def _winners(study: "Study") -> list["FrozenTrial"]:
    found = outcomes.winners(study)
    if not found:
        counted = outcomes.counts(outcomes.shown_trials(study))
        states = ", ".join(f"{number} {state}" for state, number in counted.items()) or "no trials"
        raise DataError(f"study={study.study_name}: no trial has finished within the constraints ({states}).")
    return found


def _chosen(study: "Study", number: int | None) -> "FrozenTrial":
    if number is not None:
        for trial in study.get_trials(deepcopy=False):
            if trial.number == number:
                return trial
        raise DataError(f"trial={number}: study {study.study_name} has no such trial.")
    found = _winners(study)
    if len(found) > 1:
        front = ", ".join(str(one.number) for one in found)
        raise DataError(
            f"study={study.study_name}: no trial is best in all of {', '.join(outcomes.objectives(study))}. "
            f"Choose one of trial={front}; python -m csft.study best study={study.study_name} shows them."
        )
    return found[0]


def _config(trial: "FrozenTrial") -> str:
    """The resolved settings of a trial's first run."""
    from csft.track import RunFolder
    from csft.track.runfolder import CONFIG

    folders: Sequence[str] = trial.user_attrs.get(FOLDERS, ())
    if not folders:
        raise DataError(f"trial {trial.number} left no run folder, so format={YAML} has nothing to print.")
    folder = RunFolder(folders[0])
    _ = folder.config  # raises where it is gone or no settings
    return (folder.path / CONFIG).read_text(encoding="utf-8").rstrip("\n")


def _output(settings: Settings, storage: "RDBStorage") -> Path:
    """Where the files of the storage's studies are: as they recorded it, else `output`."""
    for name in names_in(storage):
        record = outcomes.record(load(storage, name))
        if record and record.get("output") and settings.study in ("", name):
            return Path(record["output"]).expanduser().absolute()
    return Path(settings.output).expanduser().absolute()


def _titled(study: "Study") -> str:
    return study.study_name + ("" if outcomes.record(study) else " (made by other software)")


def _best_values(study: "Study") -> str:
    found = outcomes.winners(study)
    if not found:
        return ""
    if len(found) > 1:
        return f"{len(found)} trade-offs"
    return ", ".join(f"{value:.4g}" for value in found[0].values if not math.isnan(value))


def _changed(trials: Sequence["FrozenTrial"]) -> str:
    times = [at for one in trials for at in (one.datetime_start, one.datetime_complete) if at]
    return f"{max(times):%Y-%m-%d %H:%M}" if times else ""
