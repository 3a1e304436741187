"""Operations per token, peaks by name, and a meter's values."""

import sys
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from csft import model
from csft.model.anatomy import scratch_anatomy
from csft.model.internlm2 import InternLM2Config, InternLM2ForCausalLM
from csft.train.peaks import peak_flops
from csft.train.speed import Meter, training_cost

SEVEN = scratch_anatomy(92544, hidden=4096, layers=32, heads=32, kv_heads=8, intermediate=14336)


@pytest.mark.parametrize(("tune", "giga"), [("full", 46), ("lora", 31)])
def test_the_real_model(tune: str, giga: float) -> None:
    cost = training_cost(SEVEN, tune, 16)
    assert cost.of(1, 1) / 1e9 == pytest.approx(giga, rel=0.05)
    assert cost.of(512, 100, 512**2) / 512 < cost.of(
        1, 1
    )  # most logits are not computed, attention is little


@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "v_proj"]])
@pytest.mark.parametrize("tune", ["full", "lora"])
def test_what_torch_counts(tune: str, targets: Any) -> None:
    """A first layer's input needs no gradient under LoRA, so torch counts a little less."""
    net = scratch_anatomy(64, hidden=64, layers=6, heads=4, kv_heads=2, intermediate=192)
    config = InternLM2Config(
        vocab_size=64,
        hidden_size=64,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=192,
        attention_bias=False,
    )
    plain = InternLM2ForCausalLM._from_config(config, attn_implementation="eager")
    tuned = model.adapt(plain, tune, 4, targets=targets)
    with FlopCounterMode(display=False) as counter:
        tuned(input_ids=torch.ones(1, 128, dtype=torch.long), use_cache=False).logits.sum().backward()
    cost = training_cost(net, tune, 4, () if targets == "all-linear" else tuple(targets))
    whole = 2 * 128**2  # eager attention computes both halves of its pairs
    assert cost.of(128, 128, whole) == pytest.approx(counter.get_total_flops(), rel=0.05)


@pytest.mark.parametrize(
    ("name", "tera"),
    [
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H100 PCIe", 756),
        ("NVIDIA H100 NVL", 835.5),
        ("NVIDIA H200", 989.4),
        ("NVIDIA A100-SXM4-80GB", 312),
        ("NVIDIA A100-PCIE-40GB", 312),
        ("NVIDIA A10", 125),
        ("NVIDIA A30", 165),
        ("NVIDIA L4", 121),
        ("NVIDIA L40S", 362.05),
        ("NVIDIA GeForce RTX 3090", 71),
        ("NVIDIA GeForce RTX 4090", 165.2),
        ("NVIDIA GeForce RTX 5090", 209.5),
        ("NVIDIA B200", 2250),
        ("NVIDIA A10G", None),
        ("NVIDIA A100-SXM4-80GB MIG 3g.40gb", None),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", None),
        ("Tesla V100-SXM2-32GB", None),
        ("cpu", None),
    ],
)
def test_peaks(name: str, tera: float | None) -> None:
    assert peak_flops(name, "bfloat16") == (pytest.approx(tera * 1e12) if tera else None)
    assert peak_flops(name, "float32") is None


def test_older_gpus_have_a_peak_in_float16_alone() -> None:
    assert peak_flops("Tesla V100-SXM2-32GB", "float16") == 125e12
    assert peak_flops("Tesla T4", "bfloat16") is None


def test_a_meter_averages_its_last_updates() -> None:
    cost = training_cost(SEVEN, "full")
    meter = Meter(cost=cost, peak=1e15, window=2)
    meter.start()
    meter.update(10**6, 10**6, 1.0)
    meter.update(1000, 100, 1.0)
    values = meter.update(3000, 300, 3.0, squares=1e6)
    assert values["train/tokens_per_s"] == 1000
    assert values["train/trained_tokens_per_s"] == 100
    done = cost.of(4000, 400, 1e6) / 4
    assert values["train/mfu_percent"] == pytest.approx(100 * done / 1e15)
    assert 0.01 < values["train/memory_gb"] < 1000
    meter.start()
    assert meter.update(10, 5, 2.0)["train/tokens_per_s"] == 5


def test_without_a_known_peak_there_is_no_mfu() -> None:
    values = Meter(cost=training_cost(SEVEN, "lora", 8)).update(10, 5)
    assert "train/mfu_percent" not in values
    assert values["train/tokens_per_s"] > 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_grows_with_what_is_held() -> None:
    meter = Meter()
    before = meter.update(1, 1)["train/memory_gb"]
    held = torch.ones(50_000_000)
    assert meter.update(1, 1)["train/memory_gb"] - before == pytest.approx(held.nbytes / 1e9, rel=0.2)
