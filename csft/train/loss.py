"""The loss of one micro-batch: logits only where there is a label, and those of a chunk at a time.

Prompts are masked and the real vocabulary has 92,544 words, so most logits of a plain forward pass are
computed, kept for the backward pass and never read; those that are read would fill gigabytes.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad
from torch.utils.checkpoint import checkpoint
from transformers import (
    LlamaForCausalLM,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2ForCausalLM,
    Qwen3ForCausalLM,
)

from csft.anatomy import Anatomy
from csft.train.headloss import chunk_positions, chunks, fits, head_loss
from csft.train.updates import IGNORED, Collate, Plans, Rows, Updates

HEAD_ALONE = (LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM)


def runs_head_alone(net: PreTrainedModel) -> bool:
    """Tell whether a net's logits are its output matrix times its last hidden states, and nothing more."""
    base = net.get_base_model() if hasattr(net, "get_base_model") else net
    return isinstance(base, HEAD_ALONE)


def loss_positions(net: Anatomy, device: str) -> int | None:
    """Labelled positions whose logits exist at once; None where the model itself makes those of all."""
    alone = {family.config_class.model_type for family in HEAD_ALONE} | {"internlm2"}
    return chunk_positions(net.vocabulary, device) if net.kind in alone else None


def label_loss(net: Any, micro_batch: dict[str, Tensor], trained_tokens: int) -> Tensor:
    """Sum of cross-entropies over the labelled positions of `micro_batch`, divided by `trained_tokens`.

    Equal to the model's own loss, in float32; a label is predicted from the position before it. Without a
    label it is 0 and can still be differentiated. Its backward pass runs once.
    """
    hidden_TD = last_hidden(net, micro_batch)
    at_N, targets_N = labelled(micro_batch["labels"])
    return (
        summed_loss(net.get_output_embeddings(), hidden_TD.index_select(0, at_N), targets_N) / trained_tokens
    )


def last_hidden(net: Any, micro_batch: dict[str, Tensor]) -> Tensor:
    """What the blocks give at every position of every row, [tokens, hidden]."""
    # Rows are padded on the right, where causal attention never looks; without a mask its kernel is faster.
    inputs = {name: value for name, value in micro_batch.items() if name not in ("labels", "attention_mask")}
    # With the cache on, packed records would attend across their borders.
    hidden_BLD: Tensor = net.get_decoder()(**inputs, use_cache=False).last_hidden_state
    return hidden_BLD.flatten(0, 1)


def labelled(labels_BL: Tensor) -> tuple[Tensor, Tensor]:
    """Positions whose next token has a label, counted over all rows, and those labels."""
    targets_T = pad(labels_BL[:, 1:], (0, 1), value=IGNORED).flatten()
    at_N = (targets_T != IGNORED).nonzero().squeeze(1)
    return at_N, targets_T[at_N]


def summed_loss(head: Any, hidden_ND: Tensor, targets_N: Tensor) -> Tensor:
    """Sum of cross-entropies of `head`'s logits, in float32. Its backward pass runs once."""
    summed: Tensor = (head_loss if fits(head, hidden_ND) else _any_head_loss)(head, hidden_ND, targets_N)
    return summed


def validation_loss(net: Any, rows: Rows, plan: Plans, collate: Collate) -> float:
    """Mean cross-entropy per trained token of the planned records, without dropout; `net` stays as it is."""
    updates, alone, training = Updates(rows, plan, collate), runs_head_alone(net), net.training
    summed, tokens = 0.0, 0
    net.eval()
    with torch.no_grad():
        for number in range(len(updates)):
            update = updates[number]
            for micro_batch in update["micro_batches"]:
                ready = {name: _to(net.device, value) for name, value in micro_batch.items()}
                summed += float(label_loss(net, ready, 1) if alone else _plain_loss(net, ready))
            tokens += update["counts"].trained_tokens
    net.train(training)
    return summed / max(tokens, 1)


def _to(device: Any, value: Any) -> Any:
    """Tensors go to the device; the lengths that flash-attention is given are numbers."""
    return value.to(device) if isinstance(value, Tensor) else value


def _any_head_loss(head: Any, hidden_ND: Tensor, targets_N: Tensor) -> Tensor:
    """The sum through any head, such as one with an adapter: a chunk's logits are computed twice."""
    total = hidden_ND.sum() * 0.0  # keeps the graph where there is no label
    for part in chunks(len(targets_N), head.out_features, hidden_ND.device.type):
        total = total + checkpoint(_one_chunk, head, hidden_ND[part], targets_N[part], use_reentrant=False)
    return total


def _one_chunk(head: Any, hidden_ND: Tensor, targets_N: Tensor) -> Tensor:
    return cross_entropy(head(hidden_ND).float(), targets_N, reduction="sum")


def _plain_loss(net: Any, micro_batch: dict[str, Tensor]) -> Tensor:
    """The same sum through the model's own logits."""
    labels_BL = micro_batch["labels"][:, 1:]
    inputs = {name: value for name, value in micro_batch.items() if name != "labels"}
    logits_BLV = net(**inputs, use_cache=False).logits[:, :-1].float()
    return cross_entropy(logits_BLV.flatten(0, 1), labels_BL.flatten(), ignore_index=IGNORED, reduction="sum")
