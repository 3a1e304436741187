"""Whether a network keeps the records of a packed row apart: asked of the network itself, before training.

Llama, InternLM2, Qwen, Mistral, Gemma and GPT-2 do. A family that counts positions or builds masks in its own
way, such as OPT, may not, whatever positions it is given, and says nothing about it.
"""

from collections.abc import Callable
from typing import Any

from csft.errors import ModelError

SIZES = (11, 7)  # tokens of the records that are tried


def check_apart(net: Any, collate: Callable[[Any], dict[str, Any]]) -> None:
    """Compare two records in one row, as `collate` lays it out, with each alone; ModelError if they differ.

    Costs three forward passes over a few tokens. What is allowed for is rounding: 1 % of the logits in
    float32, 10 % in half precision, where a leak changes most of them beyond recognition.
    """
    import torch

    vocabulary, name = net.get_input_embeddings().num_embeddings, net.config._attn_implementation
    drawn = torch.Generator().manual_seed(0)
    every = [torch.randint(vocabulary, (size,), generator=drawn).tolist() for size in SIZES]
    records = [{"input_ids": ids, "labels": ids} for ids in every]
    training = net.training
    net.eval()
    with torch.no_grad():
        together = _logits(net, collate([records]))
        alone = torch.cat([_logits(net, collate([[record]])) for record in records])
    net.train(training)
    off = float((together - alone).norm() / alone.norm())
    if not off <= (0.01 if net.dtype == torch.float32 else 0.1):
        raise ModelError(
            f"model: {type(net).__name__} mixes the records of a row under attention={name} (logits are "
            f"{off:.0%} off). Set train.batching=grouped or padded, which have one record in a row."
        )


def _logits(net: Any, batch: dict[str, Any]) -> Any:
    left_out = ("labels", "attention_mask")
    here = {
        name: value.to(net.device) if hasattr(value, "to") else value
        for name, value in batch.items()
        if name not in left_out
    }
    return net(**here, use_cache=False).logits[0].float()
