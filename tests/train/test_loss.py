"""The loss at labels alone, in chunks, is the model's own loss, whatever the head is."""

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from csft.train import headloss
from csft.train.loss import label_loss, runs_head_alone

SIZES = {
    "vocab_size": 64,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "intermediate_size": 32,
}
FAMILIES: dict[str, Any] = {
    "llama": (LlamaConfig, LlamaForCausalLM),
    "mistral": (MistralConfig, MistralForCausalLM),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM),
}


def tiny(family: str = "llama", **changes: Any) -> Any:
    torch.manual_seed(0)
    settings, kind = FAMILIES[family]
    return kind(settings(**{**SIZES, **changes}))


def micro_batch(labelled: bool = True) -> dict[str, Tensor]:
    """Three rows of up to 15 tokens, padded on the right, prompts masked."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(3, 64, (3, 15), generator=generator)
    labels = ids.clone()
    labels[:, :4] = -100
    mask = torch.ones_like(ids)
    for row, length in enumerate((15, 9, 12)):
        ids[row, length:], labels[row, length:], mask[row, length:] = 2, -100, 0
    labels = labels if labelled else torch.full_like(labels, -100)
    return {"input_ids": ids, "labels": labels, "attention_mask": mask}


def lora(net: Any, **settings: Any) -> Any:
    net = get_peft_model(net, LoraConfig(task_type="CAUSAL_LM", r=2, **settings))
    for name, weight in net.named_parameters():
        if "lora_B" in name:  # zero at the start, which would hide the other matrix's gradient
            torch.nn.init.normal_(weight, std=0.1)
    return net


def with_bias(net: Any) -> Any:
    net.lm_head = torch.nn.Linear(16, 64)
    return net


NETS = {
    **{family: lambda family=family: tiny(family) for family in FAMILIES},
    "tied": lambda: tiny(tie_word_embeddings=True),
    "bias": lambda: with_bias(tiny()),
    "lora": lambda: lora(tiny(), target_modules="all-linear"),
    "dora": lambda: lora(tiny(), target_modules="all-linear", use_dora=True),
    "lora_head": lambda: lora(tiny(), target_modules=["q_proj", "lm_head"]),
    "dora_head": lambda: lora(tiny(), target_modules=["q_proj", "lm_head"], use_dora=True),
    "whole_head": lambda: lora(tiny(), target_modules=["q_proj"], modules_to_save=["lm_head"]),
}


def gradients(net: Any, loss: Tensor) -> dict[str, Tensor]:
    net.zero_grad()
    loss.backward()
    return {name: weight.grad for name, weight in net.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("chunk", [1, 7, 1000])
@pytest.mark.parametrize("kind", NETS)
def test_loss_and_gradients_are_the_models_own(
    kind: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(headloss.CHUNK_LOGITS, "cpu", chunk * 64)
    net, batch = NETS[kind](), micro_batch()
    trained = int((batch["labels"][:, 1:] != -100).sum())
    assert runs_head_alone(net)
    own, ours = net(**batch, use_cache=False).loss, label_loss(net, batch, trained)
    assert ours.item() == pytest.approx(own.item(), rel=1e-6)
    expected = gradients(net, own)
    found = gradients(net, ours)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-7, msg=name)
    with torch.no_grad():
        assert label_loss(net, batch, trained).item() == pytest.approx(own.item(), rel=1e-6)


def test_bfloat16_sums_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(headloss.CHUNK_LOGITS, "cpu", 7 * 64)
    net, batch = tiny().bfloat16(), micro_batch()
    trained = int((batch["labels"][:, 1:] != -100).sum())
    own, ours = net(**batch, use_cache=False).loss, label_loss(net, batch, trained)
    assert ours.dtype == torch.float32 and ours.item() == pytest.approx(own.item(), rel=1e-5)
    expected = gradients(net, own)
    for name, gradient in gradients(net, ours).items():
        assert gradient.dtype == torch.bfloat16
        distance = (gradient.float() - expected[name].float()).norm() / expected[name].float().norm()
        assert distance < 2**-7, name


@pytest.mark.parametrize("kind", ["llama", "lora", "lora_head"])
def test_a_micro_batch_without_a_label_gives_zero_and_zero_gradients(kind: str) -> None:
    net = NETS[kind]()
    loss = label_loss(net, micro_batch(labelled=False), 10)
    assert loss.item() == 0
    assert all(gradient is None or not gradient.any() for gradient in gradients(net, loss).values())


@pytest.mark.parametrize("kind", ["llama", "lora_head"])
def test_logits_never_exist_for_more_than_a_chunk(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(headloss.CHUNK_LOGITS, "cpu", 7 * 64)
    sizes = set()

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            if isinstance(out, Tensor) and out.ndim == 2 and out.shape[1] == 64:
                sizes.add(len(out))
            return out

    with Watch():
        label_loss(NETS[kind](), micro_batch(), 10).backward()
    assert 0 < max(sizes - {16}) <= 7  # 16 × 64 is the matrix, 24 positions have a label


def test_a_frozen_head_costs_no_gradient() -> None:
    net = NETS["lora"]()
    net.get_output_embeddings().weight.requires_grad_(False)
    gradients(net, label_loss(net, micro_batch(), 10))
    assert net.get_output_embeddings().weight.grad is None


def test_extreme_logits_keep_a_finite_loss_and_bad_ones_show() -> None:
    net, batch = tiny(), micro_batch()
    with torch.no_grad():
        net.lm_head.weight.mul_(1e5)
    trained = int((batch["labels"][:, 1:] != -100).sum())
    own = net(**batch, use_cache=False).loss
    assert label_loss(net, batch, trained).item() == pytest.approx(own.item(), rel=1e-6)
    with torch.no_grad():
        net.lm_head.weight[5, 0] = float("nan")
    assert label_loss(net, batch, trained).isnan()


def test_chunks_cover_every_position_once() -> None:
    vocabulary = 92_544
    most = headloss.chunk_positions(vocabulary, "cpu")
    for positions in (0, 1, most, most + 1, 5 * most - 3):
        parts = list(headloss.chunks(positions, vocabulary, "cpu"))
        assert [at for part in parts for at in range(part.start, part.stop)] == list(range(positions))
        assert all(0 < part.stop - part.start <= most for part in parts)
