"""A randomly initialised InternLM2 of any size with a real tokenizer's vocabulary: trials, benchmarks."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.errors import SettingError
from csft.files import hash_value
from csft.model.choosing import choose_attention, choose_device, choose_dtype
from csft.model.fingerprints import RECIPE, tokenizer_fingerprint
from csft.model.layout import check_config
from csft.model.tokenizers import load_tokenizer, vocabulary_size

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def scratch(
    tokenizer_path: str | Path,
    *,
    hidden: int = 256,
    layers: int = 4,
    heads: int = 8,
    kv_heads: int = 2,
    intermediate: int | None = None,
    seed: int = 0,
    dtype: str = "float32",
    positions: int = 4096,
    rope_theta: float = 5e7,
    rope_factor: float | None = 2.0,
    bias: bool = False,
    attention: str = "sdpa",
    device: str = "cpu",
) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """Network and tokenizer, the same weights for the same seed on the same kind of device; `save` writes it.

    `intermediate` is 3.5 × hidden by default, as in InternLM2.5-7B. `rope_factor` is dynamic NTK's, None for
    none.
    """
    if seed < 0:
        raise SettingError("seed", seed, "a whole number, at least 0")
    tokenizer = load_tokenizer(tokenizer_path)
    values: dict[str, Any] = {
        "vocab_size": vocabulary_size(tokenizer),
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": intermediate or hidden * 7 // 2,
        "max_position_embeddings": positions,
        "rope_theta": float(rope_theta),
        "rope_scaling": {"type": "dynamic", "factor": float(rope_factor)} if rope_factor else None,
        "rms_norm_eps": 1e-5,
        "bias": bias,
        **{f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("bos", "eos", "pad")},
    }
    check_config(values)
    device = choose_device(device)
    dtype = choose_dtype(dtype, device)
    net = _initialise(values, seed, dtype, device, attention)
    text = tokenizer_fingerprint(tokenizer_path)
    recipe = {"made": values, "seed": seed, "dtype": dtype, "on": device, "tokenizer": text}
    setattr(net, RECIPE, hash_value(recipe))
    return net, tokenizer


def _initialise(values: dict[str, Any], seed: int, dtype: str, device: str, attention: str) -> Any:
    """Draw the weights where they will live; the caller's random state is left as it was."""
    import torch

    from csft.model.internlm2 import InternLM2Config, InternLM2ForCausalLM, register

    register()
    config = InternLM2Config(**values)
    implementation, _ = choose_attention(attention, device, dtype)
    gpus = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=gpus), torch.device(device):
        torch.manual_seed(seed)
        return InternLM2ForCausalLM._from_config(
            config, dtype=getattr(torch, dtype), attn_implementation=implementation
        ).eval()
