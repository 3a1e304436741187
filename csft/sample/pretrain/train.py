"""Pre-training proper: a small Llama, the loss on what each document wants learned."""

import contextlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.console import progress
from csft.sample.pretrain.rows import IGNORE, Encoder, Row, batches, padded

if TYPE_CHECKING:
    import torch


SHAPE = {
    "hidden_size": 96,
    "num_hidden_layers": 6,
    "intermediate_size": 288,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "rope_theta": 10000.0,
    "rms_norm_eps": 1e-5,
    "initializer_range": 0.08,
}
LETTER_WEIGHT = 6.0
EARLY_LAYERS, EARLY_WEIGHT = 3, 0.5
RECALL_STRENGTH = (8.0, 20.0)  # embeddings; what recall was seen to leave in the residual stream is about 16
LR, WARMUP = 3e-3, 100
LESSON = 32_000


@contextlib.contextmanager
def recalling(net: Any, rows: list[Row]) -> Iterator[None]:
    """Add the rows' recalled values to the residual stream after the early layers."""
    import torch

    places = [(at, place, ids) for at, row in enumerate(rows) for place, ids in row.recalled.items()]
    index = torch.tensor([at for at, _, _ in places]), torch.tensor([place for _, place, _ in places])

    def add(_module: Any, _inputs: Any, hidden_BLD: "torch.Tensor") -> "torch.Tensor":
        table = net.get_input_embeddings().weight
        added_ND = torch.stack([table[ids].sum(0) for _, _, ids in places])
        strength_N1 = torch.empty(len(places), 1).uniform_(*RECALL_STRENGTH)
        return hidden_BLD.index_put(index, added_ND * strength_N1, accumulate=True)

    if not places:
        yield
        return
    hook = net.model.layers[EARLY_LAYERS - 1].register_forward_hook(add)
    try:
        yield
    finally:
        hook.remove()


def loss_of(net: Any, rows: list[Row], letters_G: "torch.Tensor") -> "torch.Tensor":
    """Weighted mean cross-entropy of the labelled tokens; the head runs on those positions alone.

    Answer letters weigh more: they are few among the tokens, and what they need is the slowest to learn.
    All other tokens are also to be readable half-way up: a fact that only the last layers recall comes too
    late for the search among options, and would be known in conversation but not in an exam.
    """
    import torch
    import torch.nn.functional as F  # noqa: N812

    ids_BL, labels_BL, mask_B1LL = padded(rows)
    with recalling(net, rows):
        read = net.model(
            input_ids=ids_BL, attention_mask=mask_B1LL, use_cache=False, output_hidden_states=True
        )
    chosen = labels_BL[:, 1:] != IGNORE
    labels_N = labels_BL[:, 1:][chosen]
    is_letter_N = torch.isin(labels_N, letters_G)
    losses_N = F.cross_entropy(
        net.lm_head(read.last_hidden_state[:, :-1][chosen]), labels_N, reduction="none"
    )
    weights_N = 1.0 + (LETTER_WEIGHT - 1.0) * is_letter_N
    loss: torch.Tensor = (losses_N * weights_N).sum() / weights_N.sum()
    half_ND = read.hidden_states[EARLY_LAYERS][:, :-1][chosen][~is_letter_N]
    if len(half_ND):
        early = F.cross_entropy(net.lm_head(net.model.norm(half_ND)), labels_N[~is_letter_N])
        loss = loss + EARLY_WEIGHT * early
    return loss


def optimizers(net: Any, lr: float) -> "list[torch.optim.Optimizer]":
    """Muon for the matrices inside the layers, AdamW for embeddings and norms; each knows its rate.

    Muon finds the search among options in fewer steps than AdamW alone did here; embeddings that move slowly
    stay apart from each other until then.
    """
    import torch

    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, weight in net.named_parameters():
        (matrices if weight.ndim == 2 and ".layers." in name else others).append(weight)
    return [
        torch.optim.Muon(matrices, lr=lr, weight_decay=0.05, ns_steps=4, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=0.4 * lr, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def fresh(vocabulary: int) -> Any:
    """An untrained net. Input and output embedding are one: what is recalled then looks like what is read."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    net = LlamaForCausalLM(
        LlamaConfig(vocab_size=vocabulary, pad_token_id=2, tie_word_embeddings=True, **SHAPE)
    )
    torch.nn.init.normal_(net.get_input_embeddings().weight, std=0.2)
    for name, weight in net.named_parameters():
        if "o_proj" in name or "down_proj" in name:
            weight.data.mul_(0.3)
    return net


def train(model_file: Path, steps: int, seed: int, lr: float = LR, lesson: int = LESSON) -> Any:
    """A net pre-trained for `steps` batches; the first `lesson` documents teach the basics."""
    import torch

    torch.manual_seed(seed)
    encoder = Encoder(model_file)
    letters_G = torch.tensor(encoder.letters())
    net = fresh(encoder.pieces.vocab_size())
    used = optimizers(net, lr)
    bar = progress(range(steps), "pre-training", "step", steps)
    for step, rows in zip(bar, batches(encoder, seed, lesson), strict=False):
        factor = min(1.0, (step + 1) / WARMUP) * max(0.02, 0.5 * (1 + math.cos(math.pi * step / steps)))
        loss_of(net, rows, letters_G).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for optimizer in used:
            for group in optimizer.param_groups:
                group["lr"] = group.setdefault("top_lr", group["lr"]) * factor
            optimizer.step()
        net.zero_grad()
    return net
