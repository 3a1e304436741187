"""No record of a packed row sees another, whichever attention computes it."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config, modeling_flash_attention_utils

from csft import model
from csft.data.batches import collate, joins
from csft.errors import ModelError
from csft.model import varlen
from csft.model.internlm2 import InternLM2Config, register

SIZES = (7, 19, 2, 23, 1, 12)  # tokens of the records
POSITIONS = 24  # more than any record has and fewer than a row: dynamic NTK must not see the row
SHAPE = {
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": POSITIONS,
    "pad_token_id": 2,
}
CONFIGS: dict[str, Any] = {
    "internlm2": lambda: InternLM2Config(**SHAPE, rope_scaling={"type": "dynamic", "factor": 2.0}),
    "llama": lambda: LlamaConfig(**SHAPE),
    "qwen2": lambda: Qwen2Config(**SHAPE),
    "qwen2, window": lambda: Qwen2Config(
        **SHAPE, use_sliding_window=True, sliding_window=5, max_window_layers=1
    ),
}
LAYOUTS = {
    "padded": ([[0], [1], [2], [3], [4], [5]], False),
    "packed": ([[0], [1], [2], [3], [4], [5]], True),
    "best_fit": ([[0, 1, 2], [4, 3], [5]], False),
    "best_fit, joined": ([[0, 1, 2], [4, 3], [5]], True),
    "joined, a record": ([[3]], True),
}
ATTENTIONS = ("eager", "sdpa", "varlen", "torch's kernel", "flash_attention_2")


def dense(query: Any, key: Any, value: Any, bounds: Any, scale: float) -> torch.Tensor:
    """What a variable length kernel computes, [tokens, heads, head size], by a masked square."""
    assert bounds.dtype == torch.int32 and bounds[-1] == len(query)
    groups = query.shape[1] // key.shape[1]
    query, key, value = (
        part.transpose(0, 1)
        for part in (query, key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1))
    )
    number = torch.repeat_interleave(torch.arange(len(bounds) - 1), bounds.diff().long())
    seen = (number[:, None] == number).tril()
    scores = (query @ key.mT * scale).masked_fill(~seen, -torch.inf)
    return (scores.softmax(-1) @ value).transpose(0, 1)


def torchs_kernel(q, k, v, cu_q, cu_k, max_q, max_k, *, scale, window_size, enable_gqa):
    """torch 2.13's signature as far as it is used; the real one needs a GPU."""
    assert window_size == (-1, 0) and enable_gqa == (q.shape[1] != k.shape[1]) and cu_k is cu_q
    assert max_q == max_k == int(cu_q.diff().max())
    return dense(q, k, v, cu_q, scale)


def older_kernel(q, k, v, cu_q, cu_k, max_q, max_k, *, scale, window_size):
    """torch 2.11 has no enable_gqa."""
    return torchs_kernel(
        q,
        k,
        v,
        cu_q,
        cu_k,
        max_q,
        max_k,
        scale=scale,
        window_size=window_size,
        enable_gqa=q.shape[1] != k.shape[1],
    )


def flash_package(q, k, v, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, softmax_scale, causal):
    """flash_attn_varlen_func as transformers calls it."""
    assert causal and isinstance(max_seqlen_q, int) and max_seqlen_q == int(cu_seqlens_q.diff().max())
    return dense(q, k, v, cu_seqlens_q, softmax_scale)


class Waits:
    """A value on the GPU: asking what it is waits for it, in every layer."""

    def __bool__(self) -> bool:
        raise AssertionError("The GPU was waited for.")


@pytest.fixture
def build(monkeypatch):
    """Make a network; kernels that need a GPU are replaced by `dense`."""
    utils = modeling_flash_attention_utils

    def made(family: str, attention: str) -> Any:
        register()
        config = CONFIGS[family]()
        name = {"torch's kernel": "varlen", "flash_attention_2": "eager"}.get(attention, attention)
        name, _ = model.choose_attention(name, "cpu")
        if attention == "torch's kernel":
            monkeypatch.setattr(varlen, "_kernel_fits", lambda query, dropout: True)
            monkeypatch.setattr(varlen.varlen, "varlen_attn", torchs_kernel)
        torch.manual_seed(0)
        net = AutoModelForCausalLM.from_config(config, attn_implementation=name).eval()
        if attention == "flash_attention_2":
            net.config._attn_implementation = attention
            settle = utils._lazy_define_process_function(flash_package)
            for place, value in {
                "_loaded_implementation": attention,
                "_flash_fn": None,
                "_flash_varlen_fn": flash_package,
                "_process_flash_kwargs_fn": settle,
                "_is_packed_sequence": lambda *_, **__: Waits(),
            }.items():
                monkeypatch.setattr(utils, place, value)
        return net

    return made


def some_records() -> list[dict[str, list[int]]]:
    drawn = np.random.default_rng(1)
    every = (drawn.integers(3, 50, size).tolist() for size in SIZES)
    return [{"input_ids": ids, "labels": [-100, *ids[1:]]} for ids in every]


def batch_of(layout: str, attention: str) -> dict[str, Any]:
    rows, joined = LAYOUTS[layout]
    records = some_records()
    return collate([[records[at] for at in row] for row in rows], 2, joined, attention)


def places(layout: str) -> dict[int, tuple[int, slice]]:
    """Row and positions of each record."""
    rows, joined = LAYOUTS[layout]
    rows = [[at for row in rows for at in row]] if joined else rows
    ends = [np.cumsum([0, *(SIZES[at] for at in row)]).tolist() for row in rows]
    return {
        at: (number, slice(*bounds))
        for number, row in enumerate(rows)
        for at, bounds in zip(row, pairwise(ends[number]), strict=True)
    }


def logits(net: Any, batch: dict[str, Any], **others: Any) -> Any:
    """As csft trains: no cache, and no mask where padding is on the right."""
    left_out = {"labels", "attention_mask", *({"input_ids"} if others else ())}
    inputs = {name: value for name, value in batch.items() if name not in left_out}
    return net(**inputs, **others, use_cache=False).logits


def possible(layout: str, attention: str) -> bool:
    """A package of flash-attention gets best_fit's rows joined."""
    return not attention.startswith("flash") or LAYOUTS[layout][1]


CASES = [
    (family, layout, attention)
    for family in CONFIGS
    for layout in LAYOUTS
    for attention in ATTENTIONS
    if possible(layout, attention) and not (family == "qwen2, window" and attention.startswith("flash"))
]


@pytest.mark.parametrize(("family", "layout", "attention"), CASES)
def test_records_compute_as_if_alone(build, family: str, layout: str, attention: str) -> None:
    net, reference = build(family, attention), build(family, "eager")
    weights = list(net.parameters())
    batch = batch_of(layout, attention)
    found: Any = 0
    alone: Any = 0
    all_logits = logits(net, batch)
    for at, (row, where) in places(layout).items():
        ids = torch.tensor([some_records()[at]["input_ids"]])
        expected = logits(reference, {"input_ids": ids})[0]
        mine = all_logits[row, where]
        torch.testing.assert_close(mine, expected, rtol=0, atol=1e-5)
        if SIZES[at] > 1:
            found = found + functional.cross_entropy(mine[:-1], ids[0, 1:], reduction="sum")
            alone = alone + functional.cross_entropy(expected[:-1], ids[0, 1:], reduction="sum")
    assert found.item() == pytest.approx(alone.item(), abs=1e-5 * sum(SIZES))
    ours = torch.autograd.grad(found, weights)
    theirs = torch.autograd.grad(alone, list(reference.parameters()))
    for mine, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-4)


def reaches(net: Any, batch: dict[str, Any], row: int, where: slice) -> torch.Tensor:
    """How much each position's embedding moves the logits of one record, [rows, length]."""
    embedded = net.get_input_embeddings()(batch["input_ids"]).detach().requires_grad_()
    out = logits(net, batch, inputs_embeds=embedded)[row, where]
    (moved,) = torch.autograd.grad(out.square().sum(), embedded)
    return moved.abs().sum(-1)


@pytest.mark.parametrize(
    ("family", "layout", "attention"), [case for case in CASES if case[0] == "internlm2"]
)
def test_nothing_reaches_another_record(build, family: str, layout: str, attention: str) -> None:
    net, batch = build(family, attention), batch_of(layout, attention)
    for row, where in places(layout).values():
        moved = reaches(net, batch, row, where)
        assert (moved[row, where] > 0).all()
        moved[row, where] = 0
        assert moved.count_nonzero() == 0


def test_a_leak_would_be_seen(build) -> None:
    net, batch = build("internlm2", "sdpa"), batch_of("packed", "sdpa")
    batch["position_ids"] = torch.arange(sum(SIZES))[None]
    assert reaches(net, batch, *places("packed")[3])[0, 0] > 0


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_gradient_checkpointing_changes_nothing(build, attention: str) -> None:
    net, batch = build("internlm2", attention).train(), batch_of("best_fit, joined", attention)
    weights, grads = list(net.parameters()), []
    for checkpointing in (False, True):
        if checkpointing:
            net.gradient_checkpointing_enable()
        grads.append(torch.autograd.grad(logits(net, batch).square().mean(), weights))
    for plain, again in zip(*grads, strict=True):
        torch.testing.assert_close(plain, again, rtol=0, atol=1e-7)


@pytest.mark.parametrize("family", CONFIGS)
@pytest.mark.parametrize("left", [True, False])
def test_padded_batches_and_generation_are_sdpas(build, family: str, left: bool) -> None:
    ids = [record["input_ids"] for record in some_records()][:4]
    longest = max(map(len, ids))
    rows = [[2] * (longest - len(one)) + one if left else one + [2] * (longest - len(one)) for one in ids]
    mask = [[0] * (longest - len(one)) + [1] * len(one) for one in ids]
    given = {"input_ids": torch.tensor(rows), "attention_mask": torch.tensor(mask)}
    if not left:
        given["attention_mask"] = given["attention_mask"].flip(1)
    ours, theirs = build(family, "varlen"), build(family, "sdpa")
    torch.testing.assert_close(ours(**given).logits, theirs(**given).logits, rtol=0, atol=0)
    if left:
        for batch in (given, {"input_ids": given["input_ids"][3:]}):
            written = [net.generate(**batch, max_new_tokens=8, do_sample=False) for net in (ours, theirs)]
            assert written[0].tolist() == written[1].tolist()


def test_records_are_found_once_for_all_layers(build, monkeypatch) -> None:
    seen: list[varlen.Records] = []
    by_groups = varlen._by_groups

    def noted(heads: Any, records: Any, *others: Any) -> Any:
        seen.append(records)
        return by_groups(heads, records, *others)

    monkeypatch.setattr(varlen, "_by_groups", noted)
    net = build("llama", "varlen")
    logits(net, batch_of("best_fit, joined", "sdpa_varlen"))
    assert seen[0] is seen[1] and seen[0].sizes == (7, 19, 2, 1, 23, 12)
    assert seen[0].bounds.tolist() == [0, 7, 26, 28, 29, 52, 64]
    logits(net, batch_of("best_fit", "sdpa"))
    assert seen[2].sizes == (7, 19, 2, 1, 23, *[1] * 4, 12, *[1] * 16)
    logits(net, batch_of("padded", "sdpa"))
    logits(net, batch_of("joined, a record", "sdpa"))
    assert len(seen) == 4


def test_an_older_torch_is_given_no_leave_for_fewer_key_heads(build, monkeypatch) -> None:
    net, batch = build("llama", "torch's kernel"), batch_of("packed", "sdpa")
    expected = logits(net, batch)
    monkeypatch.setattr(varlen.varlen, "varlen_attn", older_kernel)
    assert torch.equal(logits(net, batch), expected)


def test_the_kernel_torch_has_takes_what_it_is_given() -> None:
    from inspect import signature

    taken = signature(torch.nn.attention.varlen.varlen_attn).parameters
    assert list(taken)[:7] == ["query", "key", "value", "cu_seq_q", "cu_seq_k", "max_q", "max_k"]
    assert {"scale", "window_size"} <= set(taken)


def test_what_it_cannot_compute_is_refused() -> None:
    states = torch.zeros(1, 2, 3, 4)
    with pytest.raises(ModelError, match=r"attention=varlen cannot compute .* softcap. Set attention=eager"):
        varlen.attend(torch.nn.Module(), states, states, states, None, softcap=30.0)


def test_only_packages_of_flash_attention_are_told_the_bounds() -> None:
    told = batch_of("best_fit, joined", "flash_attention_3")
    assert told["cu_seq_lens_q"].tolist() == [0, 7, 26, 28, 29, 52, 64] == told["cu_seq_lens_k"].tolist()
    assert told["cu_seq_lens_q"].dtype == torch.int32
    assert told["max_length_q"] == told["max_length_k"] == 23
    assert set(batch_of("joined, a record", "flash_attention_2")) == set(told)
    for attention in ("sdpa", "eager", "sdpa_varlen"):
        assert set(batch_of("packed", attention)) == {"input_ids", "labels", "position_ids"}
    assert set(batch_of("padded", "flash_attention_2")) == {"input_ids", "labels", "attention_mask"}


@pytest.mark.parametrize(
    ("mode", "attention", "joined"),
    [
        ("packed", "sdpa", True),
        ("best_fit", "eager", False),
        ("best_fit", "sdpa", False),
        ("best_fit", "sdpa_varlen", True),
        ("best_fit", "flash_attention_2", True),
        ("grouped", "sdpa_varlen", False),
        ("padded", "flash_attention_3", False),
    ],
)
def test_which_micro_batches_are_one_row(mode: str, attention: str, joined: bool) -> None:
    assert joins(mode, attention) is joined
