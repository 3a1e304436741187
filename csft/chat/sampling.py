"""Answers as a person would get them: drawn at random by transformers' own `generate`.

Imports torch and transformers at the top: reach it through `csft.chat.sample`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import GenerationConfig

from csft.chat.sampled import Sampled
from csft.filling import within

# What the model card of InternLM2 draws with; no other rule bends the distribution.
TEMPERATURE, TOP_P = 0.8, 0.8
SEED = 2718  # fixed: two models are compared with the same luck


def sample(
    net: Any,
    prompts: Sequence[Sequence[int]],
    *,
    stops: Sequence[int],
    pad_id: int,
    max_new_tokens: int,
    batch_tokens: int,
) -> list[Sampled]:
    """One answer to each prompt (token ids), in their order.

    `stops` end an answer. Prompts are answered longest first, as many together as `batch_tokens` holds with
    their answers; an answer depends on which, and on nothing that ran before. torch's random state and the
    net's mode stay as they were.
    """
    drawn = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=True,
        temperature=TEMPERATURE,
        top_p=TOP_P,
        top_k=0,
        repetition_penalty=1.0,
        num_beams=1,
        use_cache=True,
        eos_token_id=list(stops),
        pad_token_id=pad_id,
    )
    answers: dict[int, Sampled] = {}
    with _apart(net):
        for rows in within(batch_tokens, [len(ids) + max_new_tokens for ids in prompts]):
            inputs = _padded([prompts[row] for row in rows], pad_id, net.device)
            written = net.generate(**inputs, generation_config=drawn)
            said = written[:, inputs["input_ids"].shape[1] :].tolist()
            answers |= {row: _cut(ids, stops) for row, ids in zip(rows, said, strict=True)}
    return [answers[row] for row in range(len(prompts))]


@contextmanager
def _apart(net: Any) -> Iterator[None]:
    """Draw from a seed of our own, without dropout; everything is as before afterwards."""
    devices = [net.device] if net.device.type == "cuda" else []
    training = net.training
    net.eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices):
            torch.manual_seed(SEED)
            yield
    finally:
        net.train(training)


def _padded(prompts: Sequence[Sequence[int]], pad_id: int, device: Any) -> dict[str, torch.Tensor]:
    """Prompts side by side, padded on the left, where answers do not follow."""
    longest = max(map(len, prompts))
    ids = [[pad_id] * (longest - len(one)) + list(one) for one in prompts]
    real = [[0] * (longest - len(one)) + [1] * len(one) for one in prompts]
    return {
        "input_ids": torch.tensor(ids, device=device),
        "attention_mask": torch.tensor(real, device=device),
    }


def _cut(ids: list[int], stops: Sequence[int]) -> Sampled:
    end = next((at for at, token in enumerate(ids) if token in stops), None)
    return Sampled(tuple(ids[:end]), end is not None)
