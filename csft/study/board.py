"""The study while it runs: one live table on a terminal, a line per event in a log file."""

import shlex
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, Self

from csft import study_config
from csft.console import say
from csft.study import outcomes
from csft.study.attributes import FAILURE, PROGRESS, WORKER
from csft.study.events import Events
from csft.study.ledger import KILLED
from csft.study.outcomes import latest_score, setting, state
from csft.study.showing import show_best
from csft.study.storage import shown, url_of

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial
    from rich.table import Table

EVERY_S = 1.0  # between two looks at the storage
SHARE = 0.05  # of the time that may go into looking, so that workers are not held up
OVERVIEW_S = 60  # between two overview lines in a log file
FRAME = 5  # lines of a terminal that are no trials: header, headings, prompt
WIDE = {"setting": 3, "stage": 2}  # columns that are cut where the terminal is narrow
_ORDER = {"running": 0, "waiting": 2}  # ended ones between


class Board:
    """Draws a study's trials from its storage in a thread, until left; never ends or slows the study.

    `total` is the number of trials in all, if there is one; `file` the terminal or log file to draw on.
    """

    def __init__(self, study: "Study", total: int | None, file: IO[str] | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self.study, self.total = study, total
        self._file = file or sys.stdout
        self._console = Console(file=self._file, highlight=False)
        self._live = (
            Live(console=self._console, auto_refresh=False, vertical_overflow="crop")
            if self._console.is_terminal
            else None
        )
        self._best: set[int] = set()
        self._score = ""
        self._began = time.monotonic()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="csft board", daemon=True)

    def __enter__(self) -> Self:
        if self._live:
            # Here and not in the thread: what is printed meanwhile goes above the table, and a worker in
            # this process that prints to its log file puts things back as it found them.
            self._live.start()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join(timeout=30)  # a storage that hangs holds nobody up
        if self._live:
            self._live.stop()

    def _run(self) -> None:
        if self._live is None:
            self._log()
            return
        for trials in self._looks():
            self._live.update(self._table(trials), refresh=True)

    def _log(self) -> None:
        events, overview = Events(), float("-inf")
        for trials in self._looks():
            for line in events.since(trials):
                self._print(line)
            if time.monotonic() - overview >= OVERVIEW_S:
                overview = time.monotonic()
                self._print(self._header(trials))

    def _looks(self) -> "Iterator[list[FrozenTrial]]":
        """The trials again and again, the last time when the study has ended."""
        ended, troubled, took = False, False, 0.0
        while not ended:
            ended = self._end.wait(max(EVERY_S, took / SHARE))
            began = time.monotonic()
            try:
                trials = outcomes.shown_trials(self.study)
                best = outcomes.winners(self.study)
                # Once: the names are kept beside all notes and figures, and read with them.
                self._score = self._score or outcomes.objectives(self.study)[0]
            except Exception as error:  # locked, restarted, out of reach: the workers have their own patience
                if not troubled:
                    self._print(f"The table waits for the storage: {outcomes.one_line(str(error))}")
                troubled = True
                continue
            troubled, took = False, time.monotonic() - began
            self._best = {one.number for one in best}
            yield trials

    def _print(self, line: str) -> None:
        if self._console.is_terminal:
            self._console.print(line, markup=False)
        else:
            print(line, file=self._file, flush=True)

    def _header(self, trials: Sequence["FrozenTrial"]) -> str:
        counted = outcomes.counts(trials)
        started = sum(count for name, count in counted.items() if name != "waiting")
        states = ", ".join(f"{count} {name}" for name, count in counted.items())
        best = [one for one in trials if one.number in self._best]
        shown = ", best " + " / ".join(f"{latest_score(one):.2f} (trial {one.number})" for one in best[:2])
        more = f" and {len(best) - 2} more" if len(best) > 2 else ""
        took = _clock(time.monotonic() - self._began)
        name = self.study.study_name
        total = "" if self.total is None else f" of {self.total}"
        return f"study {name}: {started}{total} trials ({states}){shown + more if best else ''}, {took}"

    def _table(self, trials: Sequence["FrozenTrial"]) -> "Table":
        from rich.markup import escape
        from rich.table import Table

        made = Table(box=None, pad_edge=False, expand=True, title_justify="left", title_style="")
        made.title = escape(self._header(trials))
        score = self._score
        for heading in ("trial", "state", "setting", "stage", "updates", score, "left", "worker"):
            made.add_column(
                heading,
                justify="right" if heading in ("trial", "updates", score, "left") else "left",
                no_wrap=True,
                overflow="ellipsis",
                ratio=WIDE.get(heading),  # these share what the others leave
            )
        room = max(self._console.height - FRAME, 1)
        shown = sorted(trials, key=_urgency)[:room]
        for trial in shown:
            mark = "*" if trial.number in self._best else ""
            style = {"running": "bold", "failed": "red", KILLED: "red", "waiting": "dim"}.get(state(trial))
            made.add_row(*(escape(cell) for cell in _row(trial, mark)), style=style)
        if len(shown) < len(trials):
            made.add_row("…", f"{len(trials) - len(shown)} more")
        return made


def summary(study: "Study") -> None:
    """Print how a study ended: trials by state, failures by reason, the best and what to type next."""
    trials = outcomes.shown_trials(study)
    counted = outcomes.counts(trials)
    states = ", ".join(f"{count} {name}" for name, count in counted.items()) or "no trials"
    say(f"\nstudy {study.study_name}: {states}")
    for reason, failed in _by_reason(trials).items():
        numbers = ", ".join(str(one.number) for one in failed[:10]) + (", …" if failed[10:] else "")
        say(f"  {len(failed)} {reason} (trial {numbers}), for example: {outcomes.why(failed[0])}")
    if unasked := outcomes.given_up_in_exams(trials):
        say(f"  {unasked}")
    best = outcomes.winners(study)
    if not best:
        say("  no trial finished within the constraints" if counted else "  nothing to choose from yet")
    else:
        show_best(study, best)
    storage = _storage_word(study)
    where = f"study={study.study_name}{storage}"
    say(f"\nnext         python -m csft.study show {where}")
    if best:
        say(f"             python -m csft.study export {where}       (the best as one command line)")
    say(f"             python -m csft.study dashboard{storage}")


def _storage_word(study: "Study") -> str:
    """What names a study's storage in a command; nothing where it is the default one."""
    url = getattr(getattr(study._storage, "_backend", study._storage), "url", "")
    default = url_of(study_config.Study(), "outputs")
    return "" if url in ("", default) else f" {shlex.quote(f'storage={shown(url)}')}"


def _by_reason(trials: Sequence["FrozenTrial"]) -> dict[str, list["FrozenTrial"]]:
    found: dict[str, list[FrozenTrial]] = {}
    for one in trials:
        now = state(one)
        if now in ("failed", KILLED):
            told = one.user_attrs.get(FAILURE, {}).get("reason")
            found.setdefault(f"failed: {told}" if told else now, []).append(one)
    return found


def _urgency(trial: "FrozenTrial") -> tuple[int, float]:
    """Running ones first, then the latest that ended, then those that wait, in their order."""
    place = _ORDER.get(state(trial), 1)
    if place == 1:
        ended = trial.datetime_complete
        return place, -(ended.timestamp() if ended else 0.0)
    return place, trial.number


def _row(trial: "FrozenTrial", mark: str) -> list[str]:
    now, score = state(trial), latest_score(trial)
    progress: dict[str, Any] = trial.user_attrs.get(PROGRESS, {}) if now == "running" else {}
    runs = f"run {progress['run']}/{progress['runs']} " if progress.get("runs", 1) > 1 else ""
    updates = f"{progress['updates']}/{progress['of']}" if progress.get("of") else ""
    left = progress.get("seconds_left")
    worker = trial.user_attrs.get(WORKER, {})
    return [
        f"{mark}{trial.number}",
        now,
        setting(trial),
        runs + str(progress.get("stage") or "") or outcomes.why(trial),
        updates,
        "" if score is None else f"({score:.4g})" if now == "pruned" else f"{score:.4g}",
        "" if left is None else _clock(left),
        str(worker.get("name", "")) if now == "running" else "",
    ]


def _clock(seconds: float) -> str:
    whole = max(int(seconds), 0)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
