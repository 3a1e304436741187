"""Adapters on stretches of a batch, records of like length side by side: the same numbers and gradients."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import LlamaConfig, LlamaForCausalLM

from csft import model
from csft.errors import ModelError
from csft.model.alike import Groups
from csft.model.routed import Part, routed_linear
from csft.model.shells import shell
from csft.model.together import Share, Together

CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def a_base() -> LlamaForCausalLM:
    torch.manual_seed(0)
    shape = {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    return LlamaForCausalLM(LlamaConfig(**shape, num_attention_heads=4, num_key_value_heads=2)).eval()


def an_adapter(base: Any, number: int, **how: Any) -> Any:
    net = model.adapt(shell(base), "lora", rank=2 + number, alpha=8, seed=number, **how).eval()
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.2)
    return net


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [False, True])
def test_the_layer_by_hand_is_what_autograd_makes_of_it(dtype: torch.dtype, bias: bool) -> None:
    torch.manual_seed(0)
    base = nn.Linear(16, 24, bias=bias, dtype=dtype).requires_grad_(False)
    matrices = [torch.randn(size).mul_(0.3).requires_grad_() for size in ((3, 16), (24, 3), (5, 16), (24, 5))]
    parts = [Part(2, 6, 0.5), Part(6, 10, 2.0)]  # the first two positions have none

    def plainly(x: Tensor) -> Tensor:
        out = [base(x[:2])]
        for (start, end, scale), down, up in zip(parts, matrices[::2], matrices[1::2], strict=True):
            update = x[start:end].float() @ down.T @ up.T * scale
            out.append((base(x[start:end]) + update).to(dtype))
        return torch.cat(out)

    found = []
    for made in (plainly, lambda x: routed_linear(x, base, parts, matrices)):
        x = torch.randn(10, 16, generator=torch.Generator().manual_seed(1)).to(dtype).requires_grad_(True)
        out = made(x)
        found.append([out, *torch.autograd.grad(out.float().square().mean(), [x, *matrices])])
    bound = CLOSE if dtype == torch.float32 else {"rtol": 2e-2, "atol": 1e-2}
    for expected, got in zip(*found, strict=True):
        assert got.dtype == expected.dtype
        torch.testing.assert_close(got, expected, **bound)


@pytest.mark.parametrize("dim", [0, 1])
def test_each_member_computes_as_it_does_alone(dim: int) -> None:
    base = a_base()
    nets = [an_adapter(base, 0), an_adapter(base, 1, targets=["q_proj", "down_proj"], rslora=True)]
    together = Together(base)
    for number, net in enumerate(nets):
        together.join(number, net)
    ids = torch.randint(50, (5, 7))
    rows = {0: ids[:2], 1: ids[2:4], 2: ids[4:]}  # nobody is 2: the base itself
    alone = {0: nets[0], 1: nets[1], 2: base}
    expected = torch.cat([alone[number](input_ids=part).logits for number, part in rows.items()])
    if dim == 0:
        shares, inputs = [Share(number, len(part)) for number, part in rows.items()], {"input_ids": ids}
    else:
        shares = [Share(number, part.numel()) for number, part in rows.items()]
        inputs = {"input_ids": ids.view(1, -1), "position_ids": torch.arange(7).repeat(5)[None]}
    with together.routed(shares, dim):
        found = together.net(**inputs, use_cache=False).logits.view(expected.shape)
    torch.testing.assert_close(found, expected, **CLOSE)
    together.leave(0)
    with together.routed([Share(0, 5)], 0):
        torch.testing.assert_close(together.net(input_ids=ids).logits, base(input_ids=ids).logits, **CLOSE)


def test_an_adapter_of_another_base_is_refused() -> None:
    base = a_base()
    with pytest.raises(ModelError, match="another base"):
        Together(base).join(0, an_adapter(a_base(), 0))


@pytest.mark.parametrize(
    ("sizes", "calls"),
    [([5], 1), ([4, 4, 4], 1), ([9, 2, 7, 1, 8], 1), ([300, 2, 290, 1, 100, 3], 4), ([20] * 40 + [90], 2)],
)
def test_records_side_by_side_attend_as_each_by_itself(sizes: list[int], calls: int) -> None:
    groups = Groups.of(sizes, "cpu")
    assert len(groups.shapes) == calls and sum(rows for rows, _ in groups.shapes) == len(sizes)
    torch.manual_seed(0)
    heads = [torch.randn(sum(sizes), 2, 4, requires_grad=True) for _ in range(3)]

    def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        ready = (states.transpose(1, 2) for states in (query, key, value))
        return scaled_dot_product_attention(*ready, is_causal=True).transpose(1, 2)

    def alone() -> Tensor:
        parts = zip(*(torch.split(states, sizes) for states in heads), strict=True)
        return torch.cat([attend(*(part[None] for part in each))[0] for each in parts])

    def grouped() -> Tensor:
        return groups.put_back([attend(*each) for each in zip(*map(groups.lay_out, heads), strict=True)])

    slope = torch.randn(sum(sizes), 2, 4)
    found = [[made(), *torch.autograd.grad(made(), heads, slope)] for made in (alone, grouped)]
    for expected, got in zip(*found, strict=True):
        torch.testing.assert_close(got, expected, **CLOSE)


def test_what_is_no_number_stays_in_its_record() -> None:
    sizes = [6, 3, 5]
    groups = Groups.of(sizes, "cpu")
    assert groups.shapes == ((3, 6),)
    row = torch.ones(14, 1, 1)
    row[:6] = float("nan")
    (laid,) = groups.lay_out(row)
    assert laid[:, :, 0, 0].isnan().sum(1).tolist() == [6, 0, 0]  # the longest first; padding is zeros
    assert np.array_equal(groups.put_back([laid]).numpy(), row.numpy(), equal_nan=True)
