"""The study while it runs, and how it ended, as the terminal and a log file show it."""

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made
import optuna
import pytest
from optuna.trial import TrialState, create_trial

from csft.study import board, outcomes
from csft.study.board import Board, summary

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "EVERY_S", 0.01)
    monkeypatch.setattr(board, "SHARE", 1.0)
    monkeypatch.setattr(board, "OVERVIEW_S", 1e9)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def until(what: Callable[[], bool]) -> None:
    for _ in range(3000):
        if what():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> optuna.Study:
    return made.study(tmp_path_factory.mktemp("outputs"))


def test_table_on_a_terminal(paper: optuna.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"COLUMNS": "140", "LINES": "13", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    drawn = Terminal()
    with Board(paper, 20, drawn):
        until(lambda: "2 more" not in drawn.getvalue() and "more" in drawn.getvalue())
    frame = drawn.getvalue().split("study paper: ")[-1]
    lines = [" ".join(line.split()) for line in _plain(frame).splitlines()]
    assert lines[0].startswith("10 of 20 trials (1 running, 1 waiting, 5 finished, 1 infeasible, 1 pruned,")
    assert "best 60.00 (trial 2)" in lines[0]
    assert lines[1] == "trial state setting stage updates score left worker"
    rows = lines[2:]
    shown = "10 running cutoff=128 lr=0.002893 epochs=2 mix=exam training 12/40 31.25 0:01:33 node1-100"
    assert rows[0] == shown
    assert rows[1].startswith("9 killed") and rows[-1] == "… 3 more" and len(rows) == 9


def _plain(text: str) -> str:
    import re

    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def test_lines_in_a_log_file(tmp_path: Path) -> None:
    study = made.study(tmp_path, trials=(0, 4))
    log = io.StringIO()
    with Board(study, None, log):
        until(lambda: "study paper" in log.getvalue())
        running = study.ask({"cutoff": made.SPACE["cutoff"]})
        running.set_user_attr("worker", {"name": "node1-7"})
        running.set_user_attr("overrides", ["cutoff=7"])
        until(lambda: "trial 2 started" in log.getvalue())
        running.report(41.5, 1)
        until(lambda: "exam 1" in log.getvalue())
        running.set_user_attr(
            "failure", {"reason": "out of memory", "kind": "X", "message": "Too much.\nLess."}
        )
        study.tell(running, state=TrialState.FAIL)
        until(lambda: "failed" in log.getvalue())
        study.add_trial(made.trial(tmp_path, "paper", 9))
        until(lambda: "trial 3" in log.getvalue())
        again = {"retry_history": [3], "failed_trial": 3}
        study.enqueue_trial({"cutoff": 256})
        settled = {"worker": {}, "overrides": ["cutoff=9"]}
        study.add_trial(create_trial(state=TrialState.RUNNING, system_attrs=again, user_attrs=settled))
        until(lambda: "goes on" in log.getvalue())
    lines = log.getvalue().splitlines()
    assert [line for line in lines if line.startswith("study")] == lines[:1]
    assert lines[0].startswith("study paper: 2 trials (1 finished, 1 pruned), best 30.00 (trial 0), ")
    told = "\n".join(lines[1:])
    assert f"trial 2 started: {outcomes.setting(study.trials[2])} (worker node1-7)" in told
    assert "trial 2 exam 1 during training: 41.50" in told
    assert "trial 2 failed: last score 41.50; out of memory: Too much. Less.; " in told
    assert "trial 3 killed: its worker died; 15.0 minutes" in told
    assert "trial 5 started: cutoff=9, goes on for trial 3" in told
    assert "trial 0" not in told and "trial 1 " not in told  # ended before


def test_a_storage_that_does_not_answer_is_said_once(
    paper: optuna.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, looks, real = io.StringIO(), [0], outcomes.shown_trials

    def trials(study: optuna.Study) -> Any:
        looks[0] += 1
        if looks[0] < 5:
            raise optuna.exceptions.StorageInternalError("database is locked")
        return real(study)

    monkeypatch.setattr(outcomes, "shown_trials", trials)
    with Board(paper, 12, log):
        until(lambda: "of 12" in log.getvalue())
    assert log.getvalue().count("The table waits for the storage: database is locked") == 1


def test_leaving_the_board_ends_its_thread(paper: optuna.Study) -> None:
    with pytest.raises(ZeroDivisionError), Board(paper, None, io.StringIO()):
        raise ZeroDivisionError
    assert not [one for one in threading.enumerate() if one.name == "csft board"]


def test_summary(paper: optuna.Study, capsys: pytest.CaptureFixture[str]) -> None:
    summary(paper)
    text = capsys.readouterr().out
    assert "1 failed: diverged (trial 3), for example: diverged: The loss is nan at update 7;" in text
    assert "1 killed (trial 9), for example: its worker died" in text and "trial 5" not in text
    assert "best of paper: trial 2" in text and "python -m csft.run cutoff=512" in text
    assert "python -m csft.study export study=paper storage=sqlite:///" in text


def test_summary_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary(made.study(tmp_path, "empty", trials=()))
    assert "study empty: no trials" in capsys.readouterr().out
