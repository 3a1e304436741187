"""Groups, fair rounding, and a state that comes back bit for bit. Those of 8 bits need torchao."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from csft import model
from csft.errors import ModelError, SettingError
from csft.train import optimizers

TORCHAO = pytest.param(
    "adamw_8bit",
    marks=pytest.mark.skipif(importlib.util.find_spec("torchao") is None, reason="torchao is not installed"),
)


def tiny(method: str = "full", dtype: torch.dtype = torch.float32, **changes: Any) -> Any:
    torch.manual_seed(0)
    sizes = {"vocab_size": 64, "hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    net = LlamaForCausalLM(
        LlamaConfig(**{**sizes, "intermediate_size": 64, "attention_bias": True, **changes})
    )
    return model.adapt(net.to(dtype), method, rank=64, alpha=4)


def update(net: Any, optimizer: Any, step: int) -> None:
    generator = torch.Generator().manual_seed(step)
    for weight in net.parameters():
        if weight.requires_grad:
            weight.grad = torch.randn(weight.shape, generator=generator).to(weight.dtype)
    optimizer.step()


def weights(net: Any) -> list[Tensor]:
    return [weight.detach().clone() for weight in net.parameters()]


@pytest.mark.parametrize("name", ["adamw", TORCHAO])
def test_norms_and_biases_are_not_decayed(name: str) -> None:
    net = tiny()
    first, second = optimizers.build(net, name, 1e-3, 0.1).param_groups
    assert (first["weight_decay"], second["weight_decay"]) == (0.1, 0.0)
    spared = {id(weight) for weight in second["params"]}
    names = {name for name, weight in net.named_parameters() if id(weight) in spared}
    assert names == {name for name, _ in net.named_parameters() if "norm" in name or "bias" in name}
    assert len(names) == 3 + 4 and len(first["params"]) == 9
    (alone,) = optimizers.build(tiny("lora"), name, 1e-3, 0.1).param_groups
    assert len(alone["params"]) == 14 and alone["weight_decay"] == 0.1


def test_adamw_follows_its_formula() -> None:
    net = torch.nn.Linear(3, 2, bias=False)
    expected = net.weight.detach().double()
    optimizer = optimizers.build(net, "adamw", 1e-2, 0.1)
    first, second = torch.zeros(2, 3).double(), torch.zeros(2, 3).double()
    for step in range(1, 6):
        net.weight.grad = torch.full((2, 3), 0.5 * step)
        slope = net.weight.grad.double()
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        change = first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        expected = expected * (1 - 1e-2 * 0.1) - 1e-2 * change
        optimizer.step()
    torch.testing.assert_close(net.weight.detach().double(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", ["adamw", TORCHAO])
@pytest.mark.parametrize("kind", ["full", "lora", "tied", "bfloat16"])
def test_a_run_goes_on_from_its_state_bit_for_bit(name: str, kind: str, tmp_path: Path) -> None:
    method, tied = ("lora" if kind == "lora" else "full"), kind == "tied"
    dtype = torch.bfloat16 if kind == "bfloat16" else torch.float32
    net = tiny(method, dtype, tie_word_embeddings=tied)
    optimizer = optimizers.build(net, name, 1e-3, 0.1)
    for step in range(2):
        update(net, optimizer, step)
    tensors, values = optimizers.state_tensors(optimizer, net)
    save_file({place: tensor.contiguous() for place, tensor in tensors.items()}, tmp_path / "state")
    kept, random, values = weights(net), torch.get_rng_state(), json.loads(json.dumps(values))
    for step in range(2, 4):
        update(net, optimizer, step)

    again = tiny(method, dtype, tie_word_embeddings=tied)
    with torch.no_grad():
        for weight, value in zip(again.parameters(), kept, strict=True):
            weight.copy_(value)
    resumed = optimizers.build(again, name, 5e-1, 0.0)
    optimizers.load_state(resumed, again, load_file(tmp_path / "state"), values)
    torch.set_rng_state(random)
    for step in range(2, 4):
        update(again, resumed, step)
    for expected, found in zip(weights(net), weights(again), strict=True):
        assert torch.equal(found, expected)
    before, after = (optimizers.state_tensors(*pair) for pair in ((optimizer, net), (resumed, again)))
    assert before[0].keys() == after[0].keys() and before[1] == after[1]
    assert all(torch.equal(after[0][place], tensor) for place, tensor in before[0].items())
    assert len([place for place in tensors if place.endswith("/step")]) == len(
        [weight for weight in net.parameters() if weight.requires_grad]
    )


def test_a_state_of_another_model_stops_by_name() -> None:
    net = tiny()
    optimizer = optimizers.build(net, "adamw", 1e-3, 0.0)
    update(net, optimizer, 0)
    tensors, values = optimizers.state_tensors(optimizer, net)
    other = tiny(vocab_size=32)
    with pytest.raises(ModelError, match=r"embed_tokens.weight/exp_avg \(64, 64\) does not fit"):
        optimizers.load_state(optimizers.build(other, "adamw", 1e-3, 0.0), other, tensors, values)
    adapted = tiny("lora")
    with pytest.raises(ModelError, match="does not fit this model"):
        optimizers.load_state(optimizers.build(adapted, "adamw", 1e-3, 0.0), adapted, tensors, values)


@pytest.mark.parametrize("name", ["adamw", TORCHAO])
def test_bfloat16_weights_move_only_where_rounding_is_fair(name: str) -> None:
    """Updates are a twentieth of the distance between numbers near 1."""
    steps, rate = 40, 2e-4
    net = torch.nn.Linear(256, 64, bias=False, dtype=torch.bfloat16)
    torch.nn.init.ones_(net.weight)
    torch.manual_seed(3)
    optimizer = optimizers.build(net, name, rate, 0.0)
    for _ in range(steps):
        net.weight.grad = torch.ones_like(net.weight)
        optimizer.step()
    moved = 1 - net.weight.float().mean().item()
    assert moved == (0 if name == "adamw" else pytest.approx(steps * rate, rel=0.03))


def test_adamw_keeps_eight_bytes_per_weight() -> None:
    assert state_bytes("adamw", torch.float32) == pytest.approx(8, rel=0.01)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", [TORCHAO])
def test_eight_bit_states_keep_about_two_bytes_per_weight(name: str, dtype: torch.dtype) -> None:
    assert state_bytes(name, dtype) < 2.1


def state_bytes(name: str, dtype: torch.dtype) -> float:
    """Bytes of state per weight of a matrix large enough for the code tables not to count."""
    net = torch.nn.Linear(512, 512, bias=False, dtype=dtype)
    optimizer = optimizers.build(net, name, 1e-3, 0.0)
    update(net, optimizer, 0)
    tensors, _ = optimizers.state_tensors(optimizer, net)
    return sum(tensor.nbytes for tensor in tensors.values()) / net.weight.numel()


@pytest.mark.parametrize("name", [TORCHAO])
def test_a_schedule_moves_the_rate_of_8_bit_adamw(name: str) -> None:
    net = tiny()
    optimizer = optimizers.build(net, name, 1e-3, 0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0 if step else 1.0)
    update(net, optimizer, 0)
    schedule.step()
    before = weights(net)
    update(net, optimizer, 1)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(net), strict=True))
    assert json.loads(json.dumps(schedule.state_dict()))["_last_lr"] == [0.0, 0.0]


def test_adamw_8bit_without_torchao_stops_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizers.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"train.optimizer=adamw_8bit .* pip install torchao"):
        optimizers.build(tiny(), "adamw_8bit", 1e-3, 0.0)
    with pytest.raises(SettingError, match=r"train.optimizer=sgd .* adamw \| adamw_8bit"):
        optimizers.build(tiny(), "sgd", 1e-3, 0.0)


@pytest.mark.parametrize(
    ("requested", "narrow", "sliced", "chosen", "why"),
    [
        ("auto", False, False, "adamw", "float32"),
        ("auto", True, True, "adamw", "lose updates"),
        ("adamw", True, False, "adamw", "lose updates"),
        ("adamw", False, False, "adamw", "as asked"),
        pytest.param(
            "auto", True, False, "adamw_8bit", "rounds bfloat16 weights fairly", marks=TORCHAO.marks
        ),
        pytest.param("adamw_8bit", False, False, "adamw_8bit", "as asked", marks=TORCHAO.marks),
    ],
)
def test_auto_takes_what_the_weights_need(
    requested: str, narrow: bool, sliced: bool, chosen: str, why: str
) -> None:
    name, reason = optimizers.choose(requested, narrow, sliced)
    assert name == chosen and why in reason
