"""The plan of a pack is held against tensors that were counted while one trained."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from memory_measure import Live, network
from test_memory_plan import BASE, work
from train_helpers import ListRows, in_order

from csft import model
from csft.anatomy import Anatomy
from csft.config import Train
from csft.data import collate
from csft.model.anatomy import scratch_anatomy
from csft.model.shells import shell
from csft.train import Member, TrainTogether, Workload, pack_plan
from csft.train.memory import gradient_bytes, memory_plan, state_bytes, weight_bytes

MID = scratch_anatomy(3000, hidden=256, layers=6, heads=8, kv_heads=2, intermediate=768)


def measured(net: Anatomy, asked: Workload) -> tuple[int, int, int, int]:
    """Bytes of weights, gradients, states, and of everything at the peak of a second update."""
    model.choose_attention("varlen", "cpu")
    base = network(net, asked.dtype, "sdpa_varlen")
    record = {"input_ids": [5] * asked.cutoff, "labels": [5] * asked.cutoff}
    rows = ListRows([record] * asked.batch)
    settings = Train(batch=asked.batch, micro_batch=asked.micro_batch, checkpoint_minutes=None)
    plan = in_order([[at] for at in range(asked.batch)], settings)
    group = TrainTogether(
        base,
        "cpu",
        partial(collate, pad_id=2, joined=True),
        gradient_checkpointing=asked.gradient_checkpointing,
        most_tokens=asked.pass_tokens,
    )
    nets = [model.adapt(shell(base), "lora", asked.rank, 32) for _ in range(asked.members)]
    for number, one in enumerate(nets):
        group.join(number, Member(one, rows, plan, settings, 3, 1e-3, lambda step, values: None))
    group.update()
    trained = [weight for one in nets for weight in one.parameters() if weight.requires_grad]
    states = [
        value
        for training in group._trainings.values()
        for kept in training.optimizer.state.values()
        for value in kept.values()
    ]
    known = [*base.parameters(), *base.buffers(), *trained, *states]
    known += [tensor for one in nets for tensor in one.buffers()]
    live = Live([*known, *group.together.net.buffers()])
    with live:
        group.update()
    weights = sum(tensor.nbytes for tensor in (*base.parameters(), *trained))
    held = sum(tensor.nbytes for tensor in states)
    return weights, sum(tensor.nbytes for tensor in trained), held, weights + held + live.peak


SETTINGS: list[dict[str, Any]] = [
    {"members": 4, "pass_tokens": 2048},
    {"members": 4, "pass_tokens": 512},
    {"members": 6, "pass_tokens": 512, "rank": 64},
    {"members": 4, "pass_tokens": 1024, "gradient_checkpointing": True},
    {"members": 4, "pass_tokens": 1024, "dtype": "bfloat16"},
]


@pytest.mark.parametrize(
    ("net", "settings"),
    [*((BASE, one) for one in SETTINGS), (MID, SETTINGS[0]), (MID, SETTINGS[3])],
    ids=lambda value: None if isinstance(value, Anatomy) else str(value),
)
def test_the_plan_of_a_pack_is_what_was_measured(net: Anatomy, settings: dict[str, Any]) -> None:
    asked = work(net, tune="lora", attention="sdpa_varlen", **settings)
    weights, gradients, states, peak = measured(net, asked)
    assert weight_bytes(net, asked) == weights
    assert gradient_bytes(net, asked) == gradients
    assert state_bytes(net, asked) == pytest.approx(states, rel=1e-3)
    plan = memory_plan(net, asked)
    assert plan.total - plan.reserve == pytest.approx(peak, rel=0.05)


def test_passes_are_shortened_before_a_member_is_left_out() -> None:
    asked = work(MID, tune="lora", batch=32)
    roomy = pack_plan(MID, asked, 1e12, 6)
    assert (roomy.members, roomy.tokens) == (6, 4096)
    tight = pack_plan(MID, asked, roomy.memory.total - 1e6, 6)
    assert (tight.members, tight.tokens) == (6, 2048)
    least = memory_plan(MID, replace(asked, attention="sdpa_varlen", members=6, pass_tokens=128)).total
    tightest = pack_plan(MID, asked, least, 6)
    assert (tightest.members, tightest.tokens) == (6, 128)
    fewer = pack_plan(MID, asked, least - 1, 6)
    assert fewer.members == 5 and fewer.memory.total <= least - 1
    assert pack_plan(MID, asked, 1.0, 6).members == 1  # whether that fits is for others to say
    assert "6 trainings in passes of 4,096 tokens, needs " in roomy.line(1e12)
    assert "trainings" not in pack_plan(MID, asked, 1.0, 6).line(1e12)


def test_a_cut_off_longer_than_a_pass_is_a_pass() -> None:
    asked = work(BASE, tune="lora", cutoff=5000)
    assert pack_plan(BASE, asked, 1e12, 2).tokens == 5000
