"""Answers in words: greedy generation, as CMB's own runner asks for them."""

from collections.abc import Sequence
from typing import Any

TURN_END = "<|im_end|>"


def generate(net: Any, tokenizer: Any, prompts: Sequence[list[int]], max_new_tokens: int) -> list[str]:
    """The model's reply to each prompt (token ids), without what ends it; B rows padded on the left."""
    import torch
    from transformers import GenerationConfig

    stops = stop_ids(net, tokenizer)
    pad_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else stops[0]
    width = max(len(prompt) for prompt in prompts)
    ids_BL = torch.full((len(prompts), width), pad_id, dtype=torch.long)
    mask_BL = torch.zeros_like(ids_BL)
    for row, prompt in enumerate(prompts):
        ids_BL[row, width - len(prompt) :] = torch.tensor(prompt)
        mask_BL[row, width - len(prompt) :] = 1
    greedy = GenerationConfig(
        max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=stops, pad_token_id=pad_id
    )
    written = net.generate(
        input_ids=ids_BL.to(net.device), attention_mask=mask_BL.to(net.device), generation_config=greedy
    )
    return [_text(tokenizer, row[width:].tolist(), stops) for row in written]


def stop_ids(net: Any, tokenizer: Any) -> list[int]:
    """What ends an answer: `</s>`, `<|im_end|>` where the tokenizer has it, and the model's own list."""
    stops = [tokenizer.eos_token_id, tokenizer.get_vocab().get(TURN_END)]
    own = getattr(getattr(net, "generation_config", None), "eos_token_id", None)
    stops += own if isinstance(own, list) else [own]
    return list(dict.fromkeys(int(stop) for stop in stops if stop is not None))


def _text(tokenizer: Any, ids: list[int], stops: list[int]) -> str:
    end = next((place for place, token in enumerate(ids) if token in stops), len(ids))
    return str(tokenizer.decode(ids[:end], skip_special_tokens=True))
