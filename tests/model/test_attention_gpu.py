"""Every flash-attention at hand, on a GPU: right to bfloat16's precision, and no record sees another.

Skipped by name where there is no GPU or no package. Head sizes and groups are those of InternLM2.5-7B.
"""

from itertools import accumulate, pairwise
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from csft import model
from csft.data.batches import collate
from csft.model import choosing, varlen
from csft.model.internlm2 import InternLM2Config, register

SIZES = (130, 700, 1, 64, 1025, 33)
# flash-attention rounds its probabilities to bfloat16 (8 bits), sdpa in float32 does not.
CLOSE = {"rtol": 2e-2, "atol": 2e-2}


def usable(name: str) -> None:
    """Skip, saying what is missing."""
    if not torch.cuda.is_available():
        pytest.skip(f"{name} needs a CUDA GPU")
    generation, gpu = choosing._gpu("cuda")
    if name == choosing.VARLEN:
        if generation < 8 or not choosing._in_torch():
            pytest.skip(f"torch's own flash-attention does not run on {gpu}, or this torch has none")
        return
    check, lowest, highest = next(rest for kind, *rest in choosing._FLASH if kind == name)
    if not (lowest <= generation <= highest and choosing._installed(check)):
        pytest.skip(f"{name} is not installed, or does not run on {gpu}")


@pytest.fixture(params=[name for name, *_ in choosing._FLASH] + [choosing.VARLEN])
def kind(request: pytest.FixtureRequest) -> str:
    usable(request.param)
    assert model.choose_attention(request.param, "cuda", "bfloat16")[0]
    return request.param


def net_of(attention: str, dtype: torch.dtype) -> Any:
    """Two layers as wide as InternLM2.5-7B's heads: 32 of 128, 8 of keys and values."""
    register()
    config = InternLM2Config(
        vocab_size=500,
        hidden_size=4096,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=32,
        num_key_value_heads=8,
        max_position_embeddings=2048,  # fewer than the row has
        rope_scaling={"type": "dynamic", "factor": 2.0},
    )
    nets = []
    for precision in (torch.float32, dtype):
        torch.manual_seed(0)
        nets.append(AutoModelForCausalLM.from_config(config, attn_implementation=attention, dtype=precision))
    nets[1].load_state_dict(nets[0].state_dict())  # not .to(dtype), which would round the rope as well
    return nets[1].to("cuda").eval()


def joined_row(attention: str) -> dict[str, Any]:
    drawn = torch.Generator().manual_seed(1)
    every = [torch.randint(3, 500, (size,), generator=drawn).tolist() for size in SIZES]
    batch = collate([[{"input_ids": ids, "labels": ids}] for ids in every], 2, True, attention)
    return {name: value.cuda() if hasattr(value, "cuda") else value for name, value in batch.items()}


def logits(net: Any, batch: dict[str, Any]) -> Any:
    given = {name: value for name, value in batch.items() if name != "labels"}
    return net(**given, use_cache=False).logits.float()


def records() -> list[slice]:
    return [slice(*ends) for ends in pairwise(accumulate(SIZES, initial=0))]


def relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


def test_logits_and_gradients_are_float32_sdpas(kind: str) -> None:
    ours, theirs = net_of(kind, torch.bfloat16), net_of("sdpa", torch.float32)
    found = logits(ours, joined_row(kind))[0]
    expected = torch.cat(
        [logits(theirs, {"input_ids": joined_row("sdpa")["input_ids"][:, one]})[0] for one in records()]
    )
    assert relative(found, expected) < 0.02
    found.square().mean().backward()
    expected.square().mean().backward()
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert relative(mine.grad.float(), other.grad) < 0.05, name


def test_nothing_reaches_another_record(kind: str) -> None:
    net, batch = net_of(kind, torch.bfloat16), joined_row(kind)
    ids = batch.pop("input_ids")
    for one in records():
        embedded = net.get_input_embeddings()(ids).detach().requires_grad_()
        out = logits(net, {**batch, "inputs_embeds": embedded})[0, one]
        (moved,) = torch.autograd.grad(out.square().sum(), embedded)
        assert moved[0, one].abs().sum(-1).count_nonzero() == one.stop - one.start
        moved[0, one] = 0
        assert moved.count_nonzero() == 0


def test_padded_batches_and_generation(kind: str) -> None:
    net, theirs = net_of(kind, torch.bfloat16), net_of("sdpa", torch.bfloat16)
    ids = torch.randint(3, 500, (3, 40), generator=torch.Generator().manual_seed(2)).cuda()
    mask = torch.ones_like(ids)
    mask[0, :13] = mask[2, :30] = 0
    found, expected = (one(input_ids=ids, attention_mask=mask).logits.float() for one in (net, theirs))
    assert relative(found[mask.bool()], expected[mask.bool()]) < 0.02
    written = net.generate(input_ids=ids, attention_mask=mask, max_new_tokens=6, do_sample=False)
    again = net.generate(input_ids=ids[1:2], max_new_tokens=6, do_sample=False)
    assert written.shape == (3, 46) and again.shape == (1, 46)


@pytest.mark.parametrize("heads", [(4, 4, 64), (32, 8, 128), (8, 1, 256)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_torchs_kernel_is_used_and_equals_one_causal_call_per_record(heads: Any, dtype: Any) -> None:
    usable(choosing.VARLEN)
    query_heads, key_heads, size = heads
    drawn = torch.Generator("cuda").manual_seed(3)
    tokens, bounds = sum(SIZES), torch.tensor([0, *accumulate(SIZES)], dtype=torch.int32, device="cuda")
    states = [
        torch.randn(tokens, count, size, generator=drawn, device="cuda", dtype=dtype).requires_grad_()
        for count in (query_heads, key_heads, key_heads)
    ]
    assert varlen._kernel_fits(states[0].transpose(0, 1)[None], 0.0)
    assert not varlen._kernel_fits(states[0].transpose(0, 1)[None].float(), 0.0)
    assert not varlen._kernel_fits(states[0].transpose(0, 1)[None], 0.1)
    found = varlen._by_kernel(states, varlen.Records(bounds, SIZES), 0.0, size**-0.5)
    wide = [one.detach().float().requires_grad_() for one in states]
    expected = varlen._one_by_one(wide, varlen.Records(bounds, SIZES), 0.0, size**-0.5)
    torch.testing.assert_close(found.float(), expected, **CLOSE)
    weight = torch.randn(expected.shape, generator=drawn, device="cuda")
    (found.float() * weight).sum().backward()
    (expected * weight).sum().backward()
    for mine, other in zip(states, wide, strict=True):
        assert relative(mine.grad.float(), other.grad) < 0.02
