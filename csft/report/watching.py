"""A report that is written anew while its study runs."""

import time
from typing import TYPE_CHECKING

from csft.console import say
from csft.report import command
from csft.report.command import Settings
from csft.study import finding, outcomes
from csft.study.attributes import ENDED, TOTAL

if TYPE_CHECKING:
    from optuna import Study

State = list[tuple[int, str, int]]


def watch(settings: Settings) -> None:
    """Write page and tables whenever a trial changed, and all of the report when the study is done."""
    before: State | None = None
    while True:
        study = finding.named(settings)
        now = _state(study)
        if _done(study, now):
            break
        if now != before:
            before = now
            data = command.read(settings)
            command.write(data, command.analysed(data), command.folder_of(settings, data.name),
                          again_s=settings.every)  # fmt: skip
            say(f"             again when a trial changes, every {settings.every} s at most; Ctrl-C ends")
        time.sleep(settings.every)
    command.report(settings)


def _state(study: "Study") -> State:
    """What the report shows of each trial: how it stands, and how many exams it has taken."""
    return [
        (one.number, outcomes.state(one), len(one.intermediate_values))
        for one in outcomes.shown_trials(study)
    ]


def _done(study: "Study", now: State) -> bool:
    """Whether nothing runs and nothing more will start."""
    total, busy = study.user_attrs.get(TOTAL), any(state in ("running", "waiting") for _, state, _ in now)
    return not busy and (bool(study.user_attrs.get(ENDED)) or (total is not None and len(now) >= total))
