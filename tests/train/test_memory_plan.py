"""The plan's arithmetic is held against tensors that were counted while a network trained."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from memory_measure import measure

from csft.anatomy import Anatomy
from csft.errors import CsftError
from csft.model.anatomy import scratch_anatomy
from csft.train.capacity import capacity
from csft.train.fitting import MemoryPlanError, check_fits, remedies
from csft.train.headloss import chunk_positions
from csft.train.memory import gradient_bytes, memory_plan, moments, state_bytes, weight_bytes
from csft.train.workload import Workload

BASE = scratch_anatomy(300, hidden=64, layers=3, heads=4, kv_heads=2, intermediate=192)
WORDS = scratch_anatomy(9000, hidden=64, layers=2, heads=4, kv_heads=4, intermediate=128)  # the head is most
WIDE = scratch_anatomy(300, hidden=128, layers=2, heads=8, kv_heads=2, intermediate=448)
SEVEN = scratch_anatomy(92544, hidden=4096, layers=32, heads=32, kv_heads=8, intermediate=14336)
GPU = 85e9  # an empty H100


def work(net: Anatomy, **settings: Any) -> Workload:
    plain = {"tune": "full", "dtype": "float32", "cutoff": 128, "batch": 4, "micro_batch": 4}
    return Workload(**{**plain, "loss_positions": chunk_positions(net.vocabulary, "cpu"), **settings})


SETTINGS = [
    {},
    {"gradient_checkpointing": True},
    {"batch": 8, "gradient_checkpointing": True},
    {"dtype": "bfloat16"},
    {"dtype": "bfloat16", "gradient_checkpointing": True},
    {"attention": "eager", "dtype": "bfloat16", "gradient_checkpointing": True},
    {"batching": "packed"},
    {"batching": "best_fit", "gradient_checkpointing": True},
    {"tune": "lora"},
    {"tune": "lora", "dtype": "bfloat16", "gradient_checkpointing": True},
    {"tune": "lora", "targets": ["q_proj", "v_proj"], "attention": "eager"},
    {"tune": "lora", "dtype": "bfloat16", "dropout": 0.1},
]


@pytest.mark.parametrize(
    ("net", "settings"),
    [
        *((BASE, one) for one in SETTINGS),
        *((WORDS, one) for one in SETTINGS[:4]),
        *((WIDE, one) for one in SETTINGS[8:]),
    ],
    ids=lambda value: None if isinstance(value, Anatomy) else str(value),
)
def test_the_plan_is_what_was_measured(net: Anatomy, settings: dict[str, Any]) -> None:
    asked = work(net, **settings)
    measured = measure(net, asked)
    assert weight_bytes(net, asked) == measured.weights
    assert gradient_bytes(net, asked) == measured.gradients
    assert state_bytes(net, asked) == pytest.approx(
        measured.optimizer, rel=1e-3
    )  # AdamW also counts its steps
    plan = memory_plan(net, asked)
    held = measured.weights + measured.optimizer
    assert plan.total - plan.reserve == pytest.approx(measured.peak, rel=0.05)
    # what comes and goes, weights and states left out
    moving = plan.peak.total - plan.peak.optimizer
    assert moving == pytest.approx(measured.peak - held, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("tune", ["full", "lora"])
def test_the_plan_for_the_real_shape(tune: str) -> None:
    asked = work(
        SEVEN, tune=tune, dtype="bfloat16", cutoff=512, batch=8, micro_batch=8, gradient_checkpointing=True
    )
    measured = measure(SEVEN, asked, real=False)
    plan = memory_plan(SEVEN, asked)
    assert plan.total - plan.reserve == pytest.approx(measured.peak, rel=0.05)


def test_the_7b_model_on_an_80_gb_gpu() -> None:
    asked = work(SEVEN, dtype="bfloat16", cutoff=512, batch=32, micro_batch=8, device="cuda")
    asked = replace(asked, optimizer="adamw_8bit", gradient_checkpointing=True)
    plan = check_fits(SEVEN, asked, GPU)
    assert plan.weights == pytest.approx(15.5e9, rel=0.01)
    assert plan.peak.gradients == plan.weights  # several micro-batches to an update
    assert plan.peak.optimizer == pytest.approx(7_737_708_544 * 2 * (1 + 4 / 256), rel=1e-3)
    assert plan.line(GPU).startswith(
        f"needs {plan.total / 1e9:.1f} of 85.0 GB: weights 15.5, gradients 15.5, "
    )
    in_float32 = memory_plan(SEVEN, replace(asked, dtype="float32", optimizer="adamw"))
    assert in_float32.weights + in_float32.peak.gradients + in_float32.peak.optimizer == pytest.approx(
        124e9, rel=0.01
    )
    quantised = weight_bytes(SEVEN, replace(asked, tune="qlora"))
    adapter = 4 * SEVEN.adapter(16)
    assert quantised == pytest.approx(
        SEVEN.blocks * 0.5159 + 4 * (2 * 92544 * 4096 + 65 * 4096) + adapter, rel=1e-3
    )


def test_what_grows_with_what() -> None:
    plain = work(SEVEN, dtype="bfloat16", cutoff=512, micro_batch=8, batch=8, device="cuda")

    def need(**changes: Any) -> float:
        return memory_plan(SEVEN, replace(plain, **changes)).total

    assert need(gradient_checkpointing=True) < need() < need(cutoff=1024)
    assert need(attention="flash_attention_2") == need() < need(attention="eager")
    # one row of all records: the scores, and sdpa's masks, grow with its square; flash has neither
    assert need(batching="packed", attention="flash_attention_2") < need(batching="packed")
    assert need(batching="packed", attention="eager") > 2 * need(attention="eager")
    assert need(loss_positions=None) > need()
    assert need(shards=2) < need()
    assert need(tune="qlora", gradient_checkpointing=True) < need(tune="lora", gradient_checkpointing=True)
    assert need(exam_tokens=2**22) > need()  # an exam can be what needs most
    assert max(moments(SEVEN, replace(plain, exam_tokens=2**22)), key=lambda one: one.total).name == "exam"
    beside = need(exam_tokens=2**22, rungs=True) - need(exam_tokens=2**22)  # between updates: states stay
    assert beside == pytest.approx(state_bytes(SEVEN, plain) * 1.04, rel=1e-6)


def test_what_cannot_fit_names_settings_that_do() -> None:
    asked = work(SEVEN, dtype="float32", cutoff=512, batch=32, micro_batch=32, device="cuda")
    with pytest.raises(MemoryPlanError) as refusal:
        check_fits(SEVEN, asked, GPU)
    said = str(refusal.value)
    assert "of 85.0 GB: weights 31.0, gradients" in said
    for setting in ("model.dtype=bfloat16", "train.gradient_checkpointing=true", "tune=lora", "tune=qlora"):
        assert setting in said
    found = remedies(SEVEN, asked, GPU)
    assert found
    for change, need in found:
        assert memory_plan(SEVEN, replace(asked, **change)).total == need <= GPU


def test_the_largest_micro_batch_that_fits_is_named() -> None:
    asked = work(SEVEN, tune="lora", dtype="bfloat16", cutoff=512, batch=32, micro_batch=32, device="cuda")
    offered = [
        change["micro_batch"] for change, _ in remedies(SEVEN, asked, GPU) if set(change) == {"micro_batch"}
    ]
    fitting = [n for n in (1, 2, 4, 8, 16) if memory_plan(SEVEN, replace(asked, micro_batch=n)).total <= GPU]
    assert offered == [max(fitting)]


def test_what_nothing_can_help_is_told_so() -> None:
    asked = work(SEVEN, dtype="bfloat16", batch=2, micro_batch=2)
    with pytest.raises(CsftError, match=r"No setting makes it fit: .*would still need .*several\.$"):
        check_fits(SEVEN, asked, 2e9)


def test_a_network_that_was_not_understood_gives_a_rough_plan() -> None:
    line = memory_plan(replace(BASE, doubt="how gpt2 computes is not known"), work(BASE)).line(1e9)
    assert "(roughly: how gpt2 computes is not known)" in line


def test_capacity_is_what_is_free_within_the_limit(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 4000 kB\nMemAvailable: 3000 kB\n")
    group = tmp_path / "group"
    assert capacity("cpu", tmp_path, group) == 3000 * 1024
    group.mkdir()
    (group / "memory.max").write_text("2000000\n")
    (group / "memory.current").write_text("1500000\n")
    (group / "memory.stat").write_text("anon 900000\ninactive_file 200000\n")
    assert capacity("cpu", tmp_path, group) == 700_000
    (group / "memory.max").write_text("max\n")
    assert capacity("cpu", tmp_path, group) == 3000 * 1024
    assert capacity("cpu") > 0
