"""Trials that branch from another one's training leave the same folder as if each had run alone."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from command import FIGURES

from csft import compose, trial
from csft.config import Config
from csft.errors import PrunedError
from csft.files import hash_file
from csft.result import TrialResult
from csft.stages import Tail
from csft.track import RunFolder
from csft.watch import Watch

# A net of one small layer and 6 updates an epoch; a half of one dataset is drawn anew in every epoch.
WORDS = (
    *("+mix=qa", "mix.max_records=12", "mix.datasets.cmedqa2=0.5", "cutoff=64", "train.batch=8"),
    *("model.init=random", "model.shape.layers=1", "model.shape.hidden=32", "model.shape.intermediate=64"),
    *("chat.dialogues=0", "exam.test=false", "exam.per_sub_exam=1", "tracker=none", "site.threads=1"),
    *("train.checkpoint_minutes=null", "tune=lora", "tune.dropout=0.2"),
    *("train.schedule=constant", "train.warmup_updates=2"),
)
EPOCHS = (1.0, 2.5, 2.0)


@lru_cache
def composed(*words: str) -> Config:
    return compose.from_overrides([*WORDS, *words])


TAILS = [replace(Tail.of(composed()), epochs=epochs) for epochs in EPOCHS]


class Seen(Watch):
    """Knows the siblings of the trial, wants exams on the way, and is told."""

    def __init__(self, every: float | None = None, prune: int | None = None) -> None:
        self.every, self.siblings, self.prune = every, TAILS, prune
        self.updates: list[int] = []
        self.rungs: list[tuple[int, float]] = []
        self.seen: list[int | None] = []

    def updated(self, done: int, of: int, epoch: float) -> None:
        self.updates.append(done)

    def answered(self, rung: int | None, questions: Sequence[Any], answers: Sequence[Any]) -> None:
        self.seen.append(rung)

    def scored(self, rung: int, epoch: float, scores: Any) -> None:
        self.rungs.append((rung, scores.total))
        if rung == self.prune:
            raise PrunedError(epoch, scores.total)


@pytest.fixture
def run(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run a trial in this process."""
    monkeypatch.setenv("CSFT_CACHE", str(cache))

    def one(watch: Watch, epochs: float, *words: str, study: str = "shared") -> TrialResult:
        config = composed(*words, f"study.name={study}")
        return trial.run(replace(config, epochs=epochs, output=str(tmp_path / study)), watch)

    return one


def left(result: TrialResult) -> dict[str, Any]:
    """What a trial leaves that does not depend on the clock, nor on who trained its beginning."""
    rows = [{key: row[key] for key in row if key in FIGURES or "cmb" in key} for row in result.curves]
    counts = ("updates", "tokens", "trained_tokens", "first_loss", "last_loss")
    return {
        "identity": result.identity,
        "rows": rows,
        "answers": list(RunFolder(result.folder).predictions("select")),
        "scores": result.scores,
        "rungs": [{**asdict(one), "seconds": 0} for one in result.rungs],
        "weights": hash_file(result.folder / "adapter" / "adapter_model.safetensors"),
        "counts": [result.training[name] for name in counts],
        "truncation": result.truncation,
    }


@pytest.mark.parametrize("every", [None, 0.5])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2)])
def test_trials_share_their_beginning_and_nothing_shows(run: Any, every: float | None, order: Any) -> None:
    computed = 0
    for at in order:
        watch, alone = Seen(every), Seen(every)
        found = run(watch, EPOCHS[at])
        expected = run(alone, EPOCHS[at], "study.share=false", study="alone")
        assert left(found) == left(expected)
        assert watch.rungs == alone.rungs and watch.seen[-1] is None
        shared = found.training["shared_updates"]
        assert watch.updates == alone.updates[shared:]
        assert found.training["seconds"] >= found.training["shared_seconds"] > 0 or not shared
        assert ("shared" in found.seconds) == bool(shared) == bool(found.training["shared_from"])
        assert (expected.training["shared_updates"], expected.training["shared_from"]) == (0, "")
        computed += len(watch.updates)
    assert computed == max(left(run(Seen(), epochs))["counts"][0] for epochs in EPOCHS)


def test_a_trial_that_is_given_up_leaves_what_it_trained(run: Any) -> None:
    with pytest.raises(PrunedError):
        run(Seen(1.0, prune=2), 2.5)
    watch = Seen(1.0)
    assert run(watch, 2.0).training["shared_updates"] == left(run(Seen(), 2.0))["counts"][0]
    assert watch.updates == [] and watch.seen == [None, None]  # the exam at the end alone; rung 1 is told
    assert [rung for rung, _ in watch.rungs] == [1]


@pytest.mark.parametrize("words", [("seed=7",), ("lr=1e-4",), ("cutoff=48",), ("tune.dropout=0.1",)])
def test_another_training_shares_nothing(run: Any, words: tuple[str, ...]) -> None:
    run(Seen(), 2.5)
    assert run(Seen(), 1.0, *words).training["shared_updates"] == 0


def test_what_is_only_measured_otherwise_is_shared(run: Any) -> None:
    updates = run(Seen(), 2.5).training["updates"]
    again = run(Seen(), 1.0, "exam.per_sub_exam=2", "train.save=false")
    assert 0 < again.training["shared_updates"] < updates
    # Exams on the way are part of a stage: those of another exam are not.
    assert run(Seen(0.5), 1.0, "exam.per_sub_exam=2").training["shared_updates"] == 0
