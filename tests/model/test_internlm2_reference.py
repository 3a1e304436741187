"""Against results of the original InternLM2.5 code (float32, eager attention): the same computation."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from csft import model

SHARED = Path(__file__).resolve().parents[3] / "shared"
CASES = sorted(file.parent for file in SHARED.glob("internlm2/**/reference.json"))  # whatever lies there
LOGITS = 3e-5  # their spread is ±5; the conversion itself is exact, kernels differ


@pytest.fixture(scope="module", params=CASES, ids=lambda folder: folder.name)
def case(
    request: pytest.FixtureRequest, shared: Path
) -> tuple[Path, dict[str, torch.Tensor], dict[str, Any]]:
    folder = request.param
    return (
        folder,
        load_file(folder / "reference.safetensors"),
        json.loads((folder / "reference.json").read_text()),
    )


def loss_of(net, tensors, prefix=""):
    masks = {} if prefix else {"attention_mask": tensors["attention_mask"]}
    ids, labels = tensors[f"{prefix}input_ids"], tensors[f"{prefix}labels"]
    return net(input_ids=ids, labels=labels, use_cache=False, **masks)


def original_gradients(net) -> dict[str, torch.Tensor]:
    """Gradients under the original names: fusing is linear, so the saving conversion applies to them too."""
    from transformers.core_model_loading import revert_weight_conversion

    return revert_weight_conversion(net, {name: weight.grad for name, weight in net.named_parameters()})


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_logits_and_loss(case, attention):
    folder, tensors, reference = case
    net = model.load_net(folder, attention=attention)
    assert net.config._attn_implementation == attention  # config.json says eager
    with torch.no_grad():
        outcome = loss_of(net, tensors)
    scored = tensors["attention_mask"].bool()
    torch.testing.assert_close(outcome.logits[scored], tensors["logits"][scored], rtol=0, atol=LOGITS)
    assert outcome.loss.item() == pytest.approx(reference["loss"], abs=2e-6)


def test_input_past_the_positions_stretches_the_rotary_base(case):
    folder, tensors, reference = case
    if "long.logits" not in tensors:
        pytest.skip("this case has no dynamic scaling")
    with torch.no_grad():
        outcome = loss_of(model.load_net(folder), tensors, "long.")
    torch.testing.assert_close(outcome.logits, tensors["long.logits"], rtol=0, atol=LOGITS)
    assert outcome.loss.item() == pytest.approx(reference["long"]["loss"], abs=3e-6)


def test_gradients(case):
    folder, tensors, reference = case
    net = model.load_net(folder)
    loss_of(net, tensors).loss.backward()
    gradients = original_gradients(net)
    norms = {name: gradient.norm().item() for name, gradient in gradients.items()}
    assert norms == pytest.approx(reference["grad_norms"], rel=5e-6)
    stored = [name for name in tensors if name.startswith("grad.")]
    assert len(stored) >= 4
    for name in stored:
        torch.testing.assert_close(gradients[name.removeprefix("grad.")], tensors[name], rtol=1e-4, atol=2e-6)


def test_ten_training_steps(case):
    folder, tensors, reference = case
    net = model.load_net(folder)
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.01)
    losses, norms = [], []
    for _ in range(10):
        loss = loss_of(net, tensors).loss
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0).item())
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    losses.append(loss_of(net, tensors).loss.item())
    assert losses == pytest.approx(reference["training"]["losses"], abs=3e-5)
    assert norms == pytest.approx(reference["training"]["grad_norms_before_clipping"], rel=1e-4)


def test_greedy_tokens(case):
    folder, tensors, _ = case
    if "generate.prompt_ids" not in tensors:
        pytest.skip("this case has no generated tokens")
    net = model.load_net(folder)
    net.generation_config.eos_token_id = None  # the reference has no stop token
    prompt, expected = tensors["generate.prompt_ids"], tensors["generate.output_ids"]
    made = net.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=expected.shape[1] - prompt.shape[1],
        do_sample=False,
    )
    assert made.tolist() == expected.tolist()


def test_bfloat16_shards_compute_what_the_reference_says_in_bfloat16(case, tmp_path):
    """Rounded once on the way to disk: the logits of the rounded weights, near the reference's own."""
    folder, tensors, _ = case
    net = model.load_net(folder, dtype="bfloat16")
    shards = model.save(net, tmp_path / "shards", shard_size="200KB")
    assert model.stored_dtype(shards) == "bfloat16"
    assert len(list(shards.glob("*.safetensors"))) > 1
    scored = tensors["attention_mask"].bool()
    with torch.no_grad():
        rounded = loss_of(net.float(), tensors).logits[scored]
        read = loss_of(model.load_net(shards), tensors).logits[scored]
    torch.testing.assert_close(read, rounded, rtol=0, atol=LOGITS)
    assert (read - tensors["logits"][scored]).abs().mean() < 0.05
    assert (read - tensors["logits"][scored]).abs().max() > LOGITS  # bfloat16 it was
