"""The loss of one micro-batch, with logits only where there is a label.

Prompts are masked and the real vocabulary has 92,544 words, so most logits of a plain forward pass are
computed, kept for the backward pass and never read.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import LlamaForCausalLM, PreTrainedModel

from csft.train.updates import IGNORED, Collate, Plans, Rows, Updates


def runs_head_alone(net: PreTrainedModel) -> bool:
    """Tell whether a net's logits are its output matrix times its last hidden states, and nothing more."""
    base = net.get_base_model() if hasattr(net, "get_base_model") else net
    return isinstance(base, LlamaForCausalLM)


def label_loss(net: Any, micro_batch: dict[str, Tensor], trained_tokens: int) -> Tensor:
    """Sum of cross-entropies over the labelled positions of `micro_batch`, divided by `trained_tokens`.

    Equal to the model's own loss; a label is predicted from the position before it. N labelled positions
    cost N × vocabulary logits, in float32.
    """
    labels_BL = micro_batch["labels"][:, 1:]
    # Rows are padded on the right, where causal attention never looks; without a mask its kernel is faster.
    inputs = {name: value for name, value in micro_batch.items() if name not in ("labels", "attention_mask")}
    # With the cache on, packed records would attend across their borders.
    hidden_BLD = net.get_decoder()(**inputs, use_cache=False).last_hidden_state[:, :-1]
    chosen_BL = labels_BL != IGNORED
    logits_NV = net.get_output_embeddings()(hidden_BLD[chosen_BL]).float()
    summed = torch.nn.functional.cross_entropy(logits_NV, labels_BL[chosen_BL], reduction="sum")
    return summed / trained_tokens


def validation_loss(net: Any, rows: Rows, plan: Plans, collate: Collate) -> float:
    """Mean cross-entropy per trained token of the planned records, without dropout; `net` stays as it is."""
    updates, alone, training = Updates(rows, plan, collate), runs_head_alone(net), net.training
    summed, tokens = 0.0, 0
    net.eval()
    with torch.no_grad():
        for number in range(len(updates)):
            update = updates[number]
            for micro_batch in update["micro_batches"]:
                ready = {name: values.to(net.device) for name, values in micro_batch.items()}
                summed += float(label_loss(net, ready, 1) if alone else _plain_loss(net, ready))
            tokens += update["trained_tokens"]
    net.train(training)
    return summed / max(tokens, 1)


def _plain_loss(net: Any, micro_batch: dict[str, Tensor]) -> Tensor:
    """The same sum through the model's own logits."""
    labels_BL = micro_batch["labels"][:, 1:]
    inputs = {name: value for name, value in micro_batch.items() if name != "labels"}
    logits_BLV = net(**inputs, use_cache=False).logits[:, :-1].float()
    return torch.nn.functional.cross_entropy(
        logits_BLV.flatten(0, 1), labels_BL.flatten(), ignore_index=IGNORED, reduction="sum"
    )
