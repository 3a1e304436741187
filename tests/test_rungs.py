"""Exams during training: what they show, that they change nothing, and what ends in the middle of one."""

import json
import signal
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
from command import FIGURES

from csft import compose, trial
from csft.config import Config
from csft.errors import (
    DivergedError,
    MemoryFullError,
    PrunedError,
    SettingError,
    StoppedError,
    TimeLimitError,
)
from csft.ranks import Ranks
from csft.result import TrialResult, from_folder
from csft.stopping import stop_requests
from csft.track import RunFolder
from csft.watch import Watch

# A net of one small layer and 6 updates, 3 an epoch; 28 questions in 3 batches.
WORDS = (
    *("+mix=ner", "mix.max_records=24", "cutoff=64", "epochs=2", "train.batch=8", "train.micro_batch=4"),
    *("model.init=random", "model.shape.layers=1", "model.shape.hidden=32", "model.shape.intermediate=64"),
    *("chat.dialogues=0", "exam.test=false", "exam.per_sub_exam=1", "exam.batch_rows=10"),
    *("tracker=none", "site.threads=1", "train.checkpoint_minutes=null"),
)
LORA = ("tune=lora", "tune.dropout=0.2")


class Seen(Watch):
    """Notes what it is shown; does something at one moment of it."""

    def __init__(self, every: float | None = 0.5, rounds: int = 1, **does: Any) -> None:
        self.every, self.rounds, self.does = every, rounds, does
        self.events: list[tuple[Any, ...]] = []

    def began(self, folder: Path, updates: int) -> None:
        self._note("began", updates)

    def stage(self, name: str) -> None:
        self._note("stage", name)

    def updated(self, done: int, of: int, epoch: float) -> None:
        self._note("updated", done, of, round(epoch, 3))

    def answered(self, rung: int | None, questions: Sequence[Any], answers: Sequence[Any]) -> None:
        assert [question.id for question in questions] == [answer.id for answer in answers]
        self._note("answered", rung, tuple(answer.id for answer in answers))

    def scored(self, rung: int, epoch: float, scores: Any) -> None:
        self._note("scored", rung, round(epoch, 3), scores.total)

    def _note(self, kind: str, *values: Any) -> None:
        self.events.append((kind, *values))
        if kind in self.does:
            self.does[kind](*values)

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        return [event[1:] for event in self.events if event[0] == kind]


def once(error: Exception | signal.Signals, *at: Any) -> Any:
    """Raise it, or send it, the first time that the values begin with `at`."""
    left = [error]

    def act(*values: Any) -> None:
        if left and values[: len(at)] == at:
            end = left.pop()
            if isinstance(end, signal.Signals):
                signal.raise_signal(end)
            else:
                raise end

    return act


@pytest.fixture
def run(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the trial in this process, in the test's own folder."""
    monkeypatch.setenv("CSFT_CACHE", str(cache))

    def one(watch: Watch, *words: str) -> TrialResult:
        return trial.run(replace(composed(*words), output=str(tmp_path)), watch)

    one.folder = lambda: RunFolder(next(tmp_path.glob("*/*/manifest.json")).parent)  # type: ignore[attr-defined]
    return one


@lru_cache
def composed(*words: str) -> Config:
    return compose.from_overrides([*WORDS, *words])


def left(result: TrialResult) -> dict[str, Any]:
    """What the trial gives that does not depend on the clock or on who watched."""
    kept = next(path for path in result.folder.glob("*/*.safetensors"))
    return {
        "identity": result.identity,
        "curve": [[row[name] for name in FIGURES] for row in result.curves if "train/loss" in row],
        "answers": list(RunFolder(result.folder).predictions("select")),
        "scores": result.scores,
        "weights": kept.read_bytes(),
        "counts": [result.training[name] for name in ("updates", "tokens", "last_loss")],
    }


@pytest.fixture(scope="module")
def whole(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The LoRA trial that nobody looked at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSFT_CACHE", str(cache))
        return left(trial.run(replace(composed(*LORA), output=str(tmp_path_factory.mktemp("whole")))))


def test_exams_on_the_way_are_shown_and_change_nothing(run: Any, whole: dict[str, Any]) -> None:
    watch = Seen()
    result = run(watch, *LORA)
    assert left(result) == whole
    assert watch.of("began") == [(6,)]
    assert watch.of("updated") == [(done, 6, round(done / 3, 3)) for done in range(1, 7)]
    assert [event[:2] for event in watch.of("scored")] == [(1, 0.667), (2, 1.0), (3, 1.667)]
    assert [rung for rung, _ in watch.of("answered")] == [1, 1, 1, 2, 2, 2, 3, 3, 3, None, None, None]
    stages = [name for (name,) in watch.of("stage")]
    assert stages[stages.index("training") :][:3] == ["training", "exam on the way", "training"]
    rows = {row["step"]: row for row in result.curves if "cmb/select/total" in row}
    assert list(rows) == [one.update for one in result.rungs] == [2, 3, 5]
    for one, (_, _, total) in zip(result.rungs, watch.of("scored"), strict=True):
        figure = one.scores.figures["total"]
        row = rows[one.update]
        assert total == figure.percent == row["cmb/select/total"]
        assert [row["cmb/select/low"], row["cmb/select/high"]] == [figure.low, figure.high]
        assert row["cmb/select/macro"] == one.scores.macro
    assert not list(result.folder.glob("rungs")) + list(result.folder.glob("answers-*"))
    again = Seen()
    reused = run(again, *LORA)
    assert reused.reused and reused.rungs == result.rungs
    assert again.events == [("began", 6), *(("scored", *one) for one in watch.of("scored"))]
    coarse = Seen(every=1.0)
    run(coarse, *LORA)
    assert coarse.of("scored") == [(1, *watch.of("scored")[1][1:])]  # after update 3


def test_all_weights_are_trained_as_if_nobody_looked(run: Any) -> None:
    alone = left(run(Watch(), "study.name=alone"))
    assert left(run(Seen(every=1.0), "study.name=seen")) == alone


def test_rounds_show_fair_parts_and_the_same_answers(run: Any, whole: dict[str, Any]) -> None:
    watch = Seen(every=1.0, rounds=4)
    result = run(watch, *LORA)
    letters = [answer["letters"] for answer in list(RunFolder(result.folder).predictions("select"))]
    assert letters == [answer["letters"] for answer in whole["answers"]]
    order = [answer["id"] for answer in whole["answers"]]
    batches = [set(ids) for rung, ids in watch.of("answered") if rung == 1]
    assert batches == [set(order[at : at + 7]) for at in range(0, 28, 7)]


def test_an_exam_on_the_way_that_is_stopped_goes_on(run: Any, whole: dict[str, Any]) -> None:
    stopped = Seen(answered=once(signal.SIGTERM, 2))
    with pytest.raises(StoppedError, match="SIGTERM in the stage 'exam on the way'; what was") as told:
        run(stopped, *LORA)
    assert told.value.status == 128 + signal.SIGTERM
    assert run.folder().failure()["kind"] == "StoppedError"
    rest = Seen()
    assert left(run(rest, *LORA)) == whole
    first, *others = [ids for rung, ids in rest.of("answered") if rung == 2]
    assert set(first) == set(stopped.of("answered")[3][1]) and len(others) == 2
    assert [rung for rung, _ in rest.of("answered")] == [2, 2, 2, 3, 3, 3, None, None, None]
    assert [rung for rung, *_ in rest.of("scored")] == [1, 2, 3]
    assert rest.of("scored")[0] == stopped.of("scored")[0]


def test_a_trial_that_is_given_up_keeps_no_state(run: Any, whole: dict[str, Any]) -> None:
    with pytest.raises(PrunedError, match=r"Given up after epoch 1: 20\.0 %"):
        run(Seen(scored=once(PrunedError(1.0, 20.0), 2)), *LORA)
    folder = run.folder()
    failure = {"kind": "PrunedError", "message": "Given up after epoch 1: 20.0 % on select."}
    assert folder.failure() == {**failure, "epoch": 1.0, "score": 20.0}
    assert not list(folder.path.glob("checkpoints")) + list(folder.path.glob("answers-*"))
    assert [row["step"] for row in folder.metrics() if "cmb/select/total" in row] == [2, 3]
    anew = Seen()
    assert left(run(anew, *LORA)) == whole
    assert [rung for rung, *_ in anew.of("scored")] == [1, 2, 3]


def test_a_trial_past_its_time_keeps_its_state(
    run: Any, whole: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(TimeLimitError, match="minutes=5"):
        run(Seen(updated=once(TimeLimitError(5), 4)), *LORA)
    assert run.folder().failure()["kind"] == "TimeLimitError"
    rest = Seen(every=None)
    result = run(rest, *LORA)
    assert left(result) == whole
    assert [done for done, *_ in rest.of("updated")] == [5, 6]
    assert [one.update for one in result.rungs] == [2, 3]  # nobody asked for the third
    assert result.seconds["earlier"] > 0
    later = Seen()
    run(later, *LORA)
    assert [rung for rung, *_ in later.of("scored")] == [1, 2]
    assert "no exam was taken after epoch 1.67" in capsys.readouterr().out


def full(*given: Any, **named: Any) -> Any:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def full_host(*given: Any, **named: Any) -> Any:
    raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 99 bytes.")


@pytest.mark.parametrize(
    ("broken", "by", "told"),
    [
        ("csft.weights.load", full, r"stage 'load' \(CUDA out of memory.*dtype=bfloat16"),
        ("csft.examining.exam.stream_paper", full_host, "stage 'base exam'.*exam.batch_tokens"),
        ("csft.train.loop._Loop._loss", full_host, "stage 'training'.*train.micro_batch"),
    ],
)
def test_full_memory_is_told_as_such(
    run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str, by: Any, told: str
) -> None:
    monkeypatch.setattr(broken, by)
    with pytest.raises(MemoryFullError, match=told):
        run(Seen(), f"data.cache={tmp_path}/cache")  # where no untrained model has been examined
    assert run.folder().failure()["kind"] == "MemoryFullError"


def test_a_net_without_numbers_has_diverged(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(job: Any, net: Any, *given: Any) -> None:
        with torch.no_grad():
            next(net.parameters()).fill_(float("nan"))

    monkeypatch.setattr("csft.weights.save", spoil)
    with pytest.raises(DivergedError, match="The result of an exam is nan at update 6"):
        run(Seen())
    assert run.folder().failure()["kind"] == "DivergedError"


def test_a_signal_ends_any_stage(run: Any, whole: dict[str, Any]) -> None:
    for stage in ("load", "base exam", "exam", "chat"):
        with pytest.raises(StoppedError, match=f"SIGINT in the stage '{stage}'; what was finished is kept"):
            run(Seen(stage=once(signal.SIGINT, stage)), *LORA)
        assert run.folder().failure()["kind"] == "StoppedError"
    assert left(run(Seen(), *LORA)) == whole


def test_a_request_from_before_the_trial_is_heeded(run: Any) -> None:
    with stop_requests():
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(StoppedError, match="SIGTERM between its stages"):
            run(Seen())


@pytest.mark.parametrize(
    ("every", "ranks", "told"),
    [(0.0, Ranks(), "above 0"), (-1.0, Ranks(), "above 0"), (1.0, Ranks("ddp", 0, 2), "parallel=none")],
)
def test_when_no_exam_can_be_taken_on_the_way(every: float, ranks: Ranks, told: str) -> None:
    with pytest.raises(SettingError, match=f"study.pruner.every={every} .*{told}"):
        trial._check_watch(Seen(every=every), ranks)


def test_no_exam_on_the_way_where_nothing_is_held_out(run: Any) -> None:
    with pytest.raises(SettingError, match="nothing can be held out"):
        run(Seen(), "exam.select_per_sub_exam=0")


def test_cost_is_told_and_older_results_can_be_read(run: Any) -> None:
    result = run(Watch())
    summary = result.summary()
    assert 0.1 < summary["memory_gb"] < 100
    shared = ("data", "base exam", "base chat")
    own = sum(spent for stage, spent in result.seconds.items() if stage not in shared)
    assert summary["hours"] == pytest.approx(own / 3600)
    file = result.folder / "result.json"
    stored = json.loads(file.read_text(encoding="utf-8"))
    for name in ("rungs", "memory_gb", "processes"):
        del stored["result"][name]
    file.write_text(json.dumps(stored), encoding="utf-8")
    older = from_folder(RunFolder(result.folder))
    assert (older.rungs, older.memory_gb, older.hours) == ([], None, result.hours)
    assert "memory_gb" not in older.summary()
