"""Real trials under way in one worker: trained and examined together, they end as each does alone."""

import signal
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from csft import compose, trial
from csft.clock import Clock
from csft.config import Config
from csft.errors import BusyError, DivergedError, PrunedError, StoppedError
from csft.model import warm
from csft.result import TrialResult
from csft.stopping import stop_requests
from csft.study.companions import Companions
from csft.study.pool import Ended, Pool
from csft.track import RunFolder
from csft.watch import Watch

# A net of one small layer and 6 updates, 3 an epoch; 28 questions.
WORDS = (
    *("+mix=ner", "mix.max_records=24", "cutoff=64", "epochs=2", "train.batch=8", "train.micro_batch=4"),
    *("model.init=random", "model.shape.layers=1", "model.shape.hidden=32", "model.shape.intermediate=64"),
    *("chat.dialogues=0", "exam.test=false", "exam.per_sub_exam=1", "tracker=none", "site.threads=1"),
    *("tune=lora", "lr=3e-3", "train.checkpoint_minutes=null"),
)
UNLIKE = (
    (),
    ("lr=1e-2", "tune.rank=4", "seed=7", "exam.batch_tokens=512"),
    ("cutoff=32", "tune.alpha=8", "train.batch=4", "epochs=1", "train.batching=packed"),
    ("+mix=exam", "train.schedule=constant", "tune.targets=attention", "train.weight_decay=0.1"),
)
ROUNDING = 2e-4  # of losses, in float32


@lru_cache
def composed(*words: str) -> Config:
    mixes = [word for word in words if word.startswith("+mix")]
    fixed = WORDS[1:] if mixes else WORDS
    return compose.from_overrides([*fixed, *words])


class Seen(Watch):
    """Has a time of its own; calls `at[update]` after an update."""

    def __init__(self, at: Mapping[int, Any] | None = None) -> None:
        self.clock, self.at = Clock(), dict(at or {})

    def updated(self, done: int, of: int, epoch: float) -> None:
        if done in self.at:
            self.at.pop(done)()


@pytest.fixture(autouse=True)
def mine(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSFT_CACHE", str(cache))


@pytest.fixture(scope="module")
def solo(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The result of a trial that ran alone, each once."""
    output = tmp_path_factory.mktemp("solo")

    @lru_cache
    def one(*words: str) -> TrialResult:
        return trial.run(replace(composed(*words), output=str(output)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSFT_CACHE", str(cache))
        yield one


def together(
    output: Path, trials: Mapping[int, tuple[tuple[str, ...], Watch]], most: int = 4
) -> dict[int, Ended]:
    """Run trials in one pool, as many at a time as there is room for."""
    waiting, over = dict(trials), {}
    with warm.keeping(), stop_requests():
        pool = Pool(most, Companions(most, exams=True))
        while waiting or len(pool):
            while waiting and pool.room:
                number = next(iter(waiting))
                words, watch = waiting.pop(number)
                config = replace(composed(*words), output=str(output))
                pool.begin(number, trial.steps(config, watch), watch.clock)
            over.update((ended.number, ended) for ended in pool.turn())
    return over


def check_equal(ended: Ended, alone: TrialResult) -> None:
    """The same updates, losses within rounding, and answers."""
    if ended.error:
        raise ended.error
    result: TrialResult = ended.value
    losses = [[row["train/loss"] for row in one.curves if "train/loss" in row] for one in (result, alone)]
    assert losses[0] == pytest.approx(losses[1], rel=ROUNDING)
    letters = [
        [row["letters"] for row in RunFolder(one.folder).predictions("select")] for one in (result, alone)
    ]
    assert letters[0] == letters[1]
    assert result.objective == alone.objective


def test_unlike_trials_end_as_each_does_alone(tmp_path: Path, solo: Any, capsys: Any) -> None:
    over = together(tmp_path, {number: (words, Seen()) for number, words in enumerate(UNLIKE)}, most=3)
    for number, words in enumerate(UNLIKE):
        check_equal(over[number], solo(*words))
    said = capsys.readouterr().out
    assert "trial 2 is trained together with 2 others" in said
    assert "are examined together" in said


def test_no_second_is_counted_for_two_of_them(tmp_path: Path) -> None:
    words = [("seed=1",), ("seed=2",), ("seed=3",)]
    started = time.perf_counter()
    over = together(tmp_path, {number: (one, Seen()) for number, one in enumerate(words)})
    passed = time.perf_counter() - started
    stages = [one.value.seconds for one in over.values()]
    assert all(seconds >= 0 for one in stages for seconds in one.values())
    assert all(one["training"] > 0 and one["exam"] > 0 for one in stages)
    assert sum(sum(one.values()) for one in stages) < passed


def test_they_are_talked_with_together(tmp_path: Path, solo: Any) -> None:
    talk = ("+mix=dialogue", "chat.dialogues=2", "chat.answers=2", "chat.max_new_tokens=8", "epochs=1")
    trials = [(*talk, "lr=1e-2"), (*talk, "tune.rank=4")]
    over = together(tmp_path, {number: (words, Seen()) for number, words in enumerate(trials)})
    for number, words in enumerate(trials):
        check_equal(over[number], solo(*words))
        assert over[number].value.chat


def test_who_is_given_up_or_diverges_leaves_the_others_as_they_were(tmp_path: Path, solo: Any) -> None:
    def give_up() -> None:
        raise PrunedError(1.0, 20.0)

    trials = {
        0: (UNLIKE[0], Seen()),
        1: (("seed=5",), Seen({3: give_up})),
        2: (("lr=1e30", "train.clip=1e30", "train.schedule=constant", "train.warmup=0"), Seen()),
        3: (UNLIKE[1], Seen()),
    }
    over = together(tmp_path, trials)
    assert isinstance(over[1].error, PrunedError)
    assert isinstance(over[2].error, DivergedError)
    for number in (0, 3):
        check_equal(over[number], solo(*trials[number][0]))


def test_trials_that_cannot_join_are_run_by_themselves(tmp_path: Path, solo: Any, capsys: Any) -> None:
    others = [("tune=full",), ("tune.dropout=0.1",), ("attention=eager",)]
    trials = [UNLIKE[0], *others, UNLIKE[1]]
    over = together(tmp_path, {number: (words, Seen()) for number, words in enumerate(trials)})
    for number, words in enumerate(trials):
        check_equal(over[number], solo(*words))
    said = capsys.readouterr().out
    assert said.count("is trained by itself") >= 2


def test_a_signal_keeps_the_state_of_each_and_they_go_on_from_there(tmp_path: Path, solo: Any) -> None:
    trials = {0: (UNLIKE[0], Seen({2: lambda: signal.raise_signal(signal.SIGTERM)})), 1: (UNLIKE[1], Seen())}
    over = together(tmp_path, trials)
    assert [type(ended.error) for ended in over.values()] == [StoppedError] * 2
    kept = sorted(path.name for path in tmp_path.glob("default/*/checkpoints/*"))
    assert kept == ["step-00000002"] * 2
    over = together(tmp_path, {number: (words, Seen()) for number, (words, _) in trials.items()})
    for number, (words, _) in trials.items():
        check_equal(over[number], solo(*words))


def test_the_same_trial_twice_is_run_once(tmp_path: Path, solo: Any) -> None:

    over = together(tmp_path, {number: (UNLIKE[0], Seen()) for number in range(2)})
    assert isinstance(over[1].error, BusyError)
    check_equal(over[0], solo(*UNLIKE[0]))
