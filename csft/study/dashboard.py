"""What csft adds to a study for the Optuna dashboard, while its trials run and at the end."""

import importlib.util
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from csft.console import say
from csft.study import outcomes
from csft.study.artifacts import FOLDER, upload
from csft.study.figures import figures
from csft.study.notes import study_note, trial_note

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

# Markdown that is not shown; what a person writes above it stays.
MARK = "[//]: # (csft writes below this line)"
MISSING = 'The Optuna dashboard is not installed, so no notes are made for it: pip install "csft[dashboard]"'
EVERY_S = 20.0  # between two looks of a worker at whether trials ended that have no note yet
SHARE = 0.02  # of a worker's time that may go into notes and figures
_SAID: set[str] = set()  # of this process


class Showing:
    """A study shown while a worker runs its trials; who ends the study shows the last of it."""

    def __init__(self, study: "Study", output: Path) -> None:
        self.study, self.output = study, output
        self._due = time.monotonic() + EVERY_S

    def ended(self) -> None:
        """A trial ended: show it, and those before it, when it is time. Never raises."""
        began = time.monotonic()
        if began >= self._due:
            show_study(self.study, self.output)
            took = time.monotonic() - began
            self._due = began + max(EVERY_S, took / SHARE)


def show_study(study: "Study", output: Path) -> None:
    """Name the objectives, draw the study's figures and write its note, and those of trials without one.

    Never raises; may be called again, and then writes what changed alone. While another process is at it,
    nothing is done.
    """
    _never_in_the_way(f"study {study.study_name}", lambda: _show_study(study, output))


def _show_trial(study: "Study", trial: "FrozenTrial", output: Path) -> None:
    upload(study, trial, output)
    _write_note(study, trial_note(study, trial), trial)


def _show_study(study: "Study", output: Path) -> None:
    from filelock import FileLock, Timeout

    (output / FOLDER).mkdir(parents=True, exist_ok=True)
    try:
        # Notes and figures are kept in pieces, which two writers would mix.
        with FileLock(output / FOLDER / f".{study.study_name}.lock", timeout=0):
            _name_objectives(study)
            kept = study._storage.get_study_system_attrs(study._study_id)
            for trial in outcomes.shown_trials(study):
                if trial.state.is_finished() and f"dashboard:{trial._trial_id}:note_ver" not in kept:
                    _show_trial(study, trial, output)
            _write_note(study, study_note(study))
            _draw(study, kept)
    except Timeout:
        return


def _draw(study: "Study", kept: dict[str, Any]) -> None:
    from optuna_dashboard import save_plotly_graph_object

    for name, figure in figures(study).items():
        if _kept_figure(kept, f"csft-{name}") != figure.to_json():
            save_plotly_graph_object(study, figure, graph_object_id=f"csft-{name}")


def _never_in_the_way(what: str, work: Callable[[], None]) -> None:
    if importlib.util.find_spec("optuna_dashboard") is None:
        _say_once(MISSING)
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna's of what is experimental
            work()
    except Exception as error:
        _say_once(
            f"The dashboard's view of {what} could not be made ({type(error).__name__}: "
            f"{outcomes.one_line(str(error))}); the study goes on."
        )


def _say_once(line: str) -> None:
    if line not in _SAID:
        _SAID.add(line)
        say(line)


def _name_objectives(study: "Study") -> None:
    record = outcomes.record(study)
    if record and study.metric_names is None:
        study.set_metric_names(record["objectives"])


def _write_note(study: "Study", text: str, trial: "FrozenTrial | None" = None) -> None:
    from optuna_dashboard import save_note

    before = _note(study, trial)
    above = before.split(MARK)[0] if MARK in before else before and f"{before}\n\n"
    note = f"{above}{MARK}\n\n{text}\n"
    if note != before:
        save_note(_addressee(study, trial), note)


def _note(study: "Study", trial: "FrozenTrial | None" = None) -> str:
    from optuna_dashboard import get_note

    return str(get_note(_addressee(study, trial)))


def _addressee(study: "Study", trial: "FrozenTrial | None") -> Any:
    """The study, or what the dashboard asks of a trial to find its note; Optuna's own Trial would sample."""
    if trial is None:
        return study
    return SimpleNamespace(storage=study._storage, study=study, _trial_id=trial._trial_id)


def _kept_figure(attributes: dict[str, Any], name: str) -> str:
    prefix = f"dashboard:plot_data:{name}:"
    pieces = {key.removeprefix(prefix): value for key, value in attributes.items() if key.startswith(prefix)}
    return "".join(pieces[key] for key in sorted(pieces, key=int))
