"""Trainings on one base at the same time: each is what it would have been alone."""

import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pack_helpers import PLAIN, Figures, Trial, figures, joined, poisoned, several, until_empty, weights
from train_helpers import Logged, tiny
from transformers import GPT2Config, GPT2LMHeadModel

from csft import model
from csft.config import Train
from csft.errors import DivergedError, MemoryFullError, ModelError, PrunedError, TrainingError
from csft.model.shells import copy, shell
from csft.stopping import AskedError
from csft.train import Checkpoints, TrainTogether, Visit, together

# Sums of float32 numbers in another order differ by 1e-6 of their size. AdamW makes a full step of a gradient
# that is next to nothing, so later updates may differ by far more: by 1e-3, as trainings do that differ in
# train.micro_batch alone.
AT_FIRST = {"rtol": 1e-5, "atol": 1e-7}
LATER = {"rtol": 2e-3, "atol": 2e-5}

VARIED = [
    Trial(),
    Trial(lr=5e-3, rank=2, alpha=32, seed=2, epochs=2.5),
    Trial(rslora=True, rank=8, seed=3, targets=["q_proj", "v_proj"], cutoff=9),
    Trial(settings=Train(batch=8, micro_batch=8, batching="packed", weight_decay=0.1, clip=0.05), seed=4),
    Trial(settings=Train(batch=2, micro_batch=1, batching="best_fit", schedule="wsd"), records=15, seed=5),
    Trial(settings=Train(batch=3, micro_batch=3, batching="padded", schedule="constant", warmup=0), epochs=1),
]


class KilledError(Exception):
    """Stands for what nobody can catch."""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Result, net and figures of each by itself."""
    return [trial.alone(tiny(), tmp_path_factory.mktemp("alone")) for trial in VARIED]


def check_alike(found: Figures, expected: Figures) -> None:
    np.testing.assert_allclose(found[:2], expected[:2], **AT_FIRST)
    np.testing.assert_allclose(found, expected, **LATER)


@pytest.mark.parametrize("changes", [{}, {"most_tokens": 50}, {"gradient_checkpointing": True}], ids=str)
def test_each_is_what_it_is_alone(alone: list[Any], changes: dict[str, Any]) -> None:
    base = tiny()
    logs: list[Logged] = [[] for _ in VARIED]
    members = [trial.member(base, log) for trial, log in zip(VARIED, logs, strict=True)]
    ended = until_empty(several(base, *members, **changes))
    for number, (result, net, expected) in enumerate(alone):
        check_alike(figures(logs[number]), expected)
        for name, weight in weights(net).items():
            torch.testing.assert_close(weights(members[number].net)[name], weight, **LATER)
        found = ended[number].result
        assert found is not None and ended[number].error is None
        counted = ("updates", "tokens", "trained_tokens")
        assert [getattr(found, name) for name in counted] == [getattr(result, name) for name in counted]
        assert found.last_loss == logs[number][-1][1]["train/loss"]


def test_members_come_and_go_unnoticed(alone: list[Any], tmp_path: Path) -> None:
    base = tiny()
    logs: list[Logged] = [[], []]

    def prune(done: int, of: int, epoch: float) -> None:
        if done == 2:
            raise PrunedError(epoch, 1.0)

    exploding = Trial(lr=1e30, settings=replace(PLAIN, warmup=0))
    group = several(
        base,
        VARIED[0].member(base, logs[0]),
        Trial(seed=6).member(base, visit=Visit(prune)),
        exploding.member(base),
        poisoned(Trial(seed=7).member(base)),
    )
    assert [(one.number, type(one.error)) for one in group.update()] == [(3, DivergedError)]
    group.join(9, VARIED[1].member(base, logs[1]))
    assert group.members == (0, 1, 2, 9)
    ended = until_empty(group)
    assert isinstance(ended[1].error, PrunedError)
    with pytest.raises(DivergedError) as diverged:
        exploding.alone(base, tmp_path)
    assert isinstance(ended[2].error, DivergedError)
    assert ended[2].error.update == diverged.value.update > 1
    check_alike(figures(logs[0]), alone[0][2])
    check_alike(figures(logs[1]), alone[1][2])


def test_what_spreads_in_a_pass_is_computed_again_alone(
    alone: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NaN would in an attention that multiplies other records' values by zero."""
    plain = together.differentiate

    def spreading(*given: Any) -> torch.Tensor:
        losses = plain(*given)
        return losses if losses.isfinite().all() else torch.full_like(losses, float("nan"))

    monkeypatch.setattr(together, "differentiate", spreading)
    base = tiny()
    log: Logged = []
    ended = until_empty(several(base, VARIED[0].member(base, log), poisoned(VARIED[2].member(base))))
    assert isinstance(ended[1].error, DivergedError) and ended[0].error is None
    check_alike(figures(log), alone[0][2])


@pytest.mark.parametrize("first", ["alone", "together"])
def test_a_checkpoint_is_gone_on_with_either_way(alone: list[Any], tmp_path: Path, first: str) -> None:
    base, trial = tiny(), replace(VARIED[0], settings=replace(PLAIN, checkpoint_updates=1))
    kept = Checkpoints(tmp_path / "kept", "trial")
    log: Logged = []

    def dying(step: int, values: dict[str, float]) -> None:
        if step == 3:
            raise KilledError
        log.append((step, values))

    if first == "alone":
        with pytest.raises(KilledError):
            trial.alone(base, tmp_path, log=dying, checkpoints=kept)
    else:
        member = trial.member(base, log=None, checkpoints=kept)
        ended = until_empty(several(base, replace(member, log=dying), VARIED[1].member(base)))
        assert isinstance(ended[0].error, KilledError) and ended[1].error is None
    start = kept.latest()
    assert start is not None and start.step == 2
    if first == "alone":
        until_empty(several(base, VARIED[1].member(base), trial.member(base, log, start=start)))
        found = figures(log)
    else:
        found = figures(log) + trial.alone(base, tmp_path, start=start)[2]
    check_alike(found, alone[0][2])


def test_a_finished_training_is_not_done_again(alone: list[Any], tmp_path: Path) -> None:
    base, kept = tiny(), Checkpoints(tmp_path / "kept", "trial")
    member = VARIED[0].member(base, checkpoints=kept)
    ended = until_empty(several(base, member))
    again = VARIED[0].member(base, start=kept.latest(), log=None)
    group = several(base, again)
    assert group.update() == [(0, ended[0].result, None)] and not len(group)
    assert all(torch.equal(weight, weights(again.net)[name]) for name, weight in weights(member.net).items())


def test_exams_on_the_way_come_as_they_do_alone(alone: list[Any], tmp_path: Path) -> None:
    base = tiny()
    seen: dict[str, list[Any]] = {"alone": [], "together": []}
    log: Logged = []

    def visit(who: str) -> Visit:
        def at_rung(*place: Any) -> None:
            seen[who].append(place)
            torch.rand(3)

        return Visit(lambda *place: seen[who].append(place), 0.5, at_rung)

    VARIED[0].alone(base, tmp_path, visit=visit("alone"))
    until_empty(several(base, VARIED[0].member(base, log, visit=visit("together")), VARIED[1].member(base)))
    assert seen["together"] == seen["alone"] and len(seen["alone"]) > 6
    check_alike(figures(log), alone[0][2])


def test_a_signal_ends_all_with_their_states_kept(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    base = tiny()
    kept = [Checkpoints(tmp_path / str(number), "trial") for number in range(2)]

    def asked(step: int, values: dict[str, float]) -> None:
        if step == 2:
            signal.raise_signal(signal.SIGINT)

    first = replace(VARIED[0].member(base, checkpoints=kept[0]), log=asked)
    group = several(base, first, VARIED[1].member(base, checkpoints=kept[1]))
    try:
        group.update()
        with pytest.raises(AskedError):
            group.update()
    finally:
        signal.signal(signal.SIGINT, before)
    assert [one.step for one in (kept[0].latest(), kept[1].latest()) if one] == [2, 2]
    assert group.members == (0, 1)


def test_full_memory_shortens_passes_and_changes_no_result(
    alone: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    plain, room = together.differentiate, [60]

    def scarce(pack: Any, rows: Any, stretches: Any, shares: Any) -> torch.Tensor:
        losses = plain(pack, rows, stretches, shares)  # what was added up before it failed is not kept
        if sum(one.tokens for one in stretches) > room[0]:
            raise torch.OutOfMemoryError("out of memory")
        return losses

    monkeypatch.setattr(together, "differentiate", scarce)
    base, kept = tiny(), Checkpoints(tmp_path / "kept", "trial")
    logs: list[Logged] = [[], []]
    group = several(base, VARIED[0].member(base, logs[0], checkpoints=kept), VARIED[1].member(base, logs[1]))
    group.update()
    assert "the memory of cpu is full: passes have" in capsys.readouterr().out
    assert group.most_tokens <= 60
    room[0] = 3
    with pytest.raises(MemoryFullError, match="One record alone fills the memory of cpu"):
        group.update()
    start = kept.latest()
    assert start is not None and start.step == 1
    room[0] = 60
    group.most_tokens = 4096
    until_empty(group)
    check_alike(figures(logs[0]), alone[0][2])
    check_alike(figures(logs[1]), alone[1][2])


def test_times_add_up_to_the_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    now, plain = [0.0], together.differentiate

    def a_second_for_each_token(pack: Any, rows: Any, stretches: Any, shares: Any) -> torch.Tensor:
        now[0] += sum(one.tokens for one in stretches)
        return plain(pack, rows, stretches, shares)

    def at_rung(*place: Any) -> None:
        now[0] += 10_000

    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    monkeypatch.setattr(together, "differentiate", a_second_for_each_token)
    base = tiny()
    log: Logged = []
    members = [VARIED[0].member(base, log, visit=Visit(every=1.0, at_rung=at_rung)), VARIED[3].member(base)]
    group = several(base, *members, most_tokens=40)
    spent = [0.0, 0.0]
    ended = {}
    while len(group):
        ended |= {one.number: one.result for one in group.update()}
        spent = [before + group.spent.get(number, 0.0) for number, before in enumerate(spent)]
    done = [ended[0], ended[1]]
    assert [one.seconds for one in done] == pytest.approx([one.tokens for one in done])
    assert spent == pytest.approx([done[0].seconds + 10_000, done[1].seconds]) and sum(spent) == now[0]
    assert [values["train/tokens_per_s"] for _, values in log] == pytest.approx([1.0] * len(log))


def test_who_cannot_take_part_is_told_why() -> None:
    base = tiny()
    group = several(base)
    with pytest.raises(ModelError, match="dropout"):
        group.join(0, replace(Trial().member(base), net=model.adapt(shell(base), "lora", dropout=0.1)))
    with pytest.raises(ModelError, match="another base"):
        group.join(0, Trial().member(copy(base)))
    with pytest.raises(TrainingError, match="no record with a trained token"):
        group.join(0, replace(Trial().member(base), epoch_plan=lambda epoch: []))
    assert len(group) == 0 and group.update() == []
    other = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=16, n_layer=1, n_head=2))
    with pytest.raises(ModelError, match="GPT2LMHeadModel makes its own loss"):
        TrainTogether(other, "cpu", joined)
