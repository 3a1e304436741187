"""InternLM2(.5) as the Llama computation it is: configuration, model class, conversion between the names.

transformers' weight conversion splits the fused `wqkv` while loading and fuses it again while saving. Imports
torch and transformers at the top: import this module only where they are used anyway.

`layout.py` draws how `wqkv` is laid out.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import ConversionOps, WeightConverter, WeightRenaming, WeightTransform

from csft.model.layout import MODEL_TYPE


class InternLM2Config(LlamaConfig):
    """Llama's configuration with InternLM2's word for biases on the attention projections."""

    model_type = MODEL_TYPE
    attribute_map = {"bias": "attention_bias"}  # noqa: RUF012  (transformers reads it off the class)
    attention_bias: bool = True  # the original's default; published checkpoints say bias themselves


class InternLM2ForCausalLM(LlamaForCausalLM):
    """Named as config.json names it, so that a saved copy says the same architecture."""

    config_class = InternLM2Config


class SplitGroups(ConversionOps):
    """`wqkv` → q, k, v: rows (kv_heads, group + 2, head_dim) taken apart along the middle axis."""

    @torch.no_grad()
    def convert(
        self,
        input_dict: dict[str, Any],
        source_patterns: list[str],
        target_patterns: list[str],
        **kwargs: Any,
    ) -> dict[str, Tensor]:
        """One tensor in, three out, keyed by the target patterns."""
        (fused,) = (_single(value) for value in input_dict.values())
        kv_heads, group, head_dim = _grouping(kwargs["config"])
        rest = fused.shape[1:]
        grouped = fused.reshape(kv_heads, group + 2, head_dim, *rest)
        parts = torch.split(grouped, [group, 1, 1], dim=1)
        return {
            name: part.reshape(-1, *rest).contiguous()
            for name, part in zip(target_patterns, parts, strict=True)
        }

    @property
    def reverse_op(self) -> ConversionOps:
        """What saving applies."""
        return FuseGroups()


class FuseGroups(ConversionOps):
    """q, k, v → `wqkv`: the exact reverse, a copy of bits."""

    @torch.no_grad()
    def convert(
        self,
        input_dict: dict[str, Any],
        source_patterns: list[str],
        target_patterns: list[str],
        **kwargs: Any,
    ) -> dict[str, Tensor]:
        """Three tensors in, one out."""
        parts = [_single(input_dict[name]) for name in source_patterns]
        kv_heads, _, head_dim = _grouping(kwargs["config"])
        rest = parts[0].shape[1:]
        grouped = torch.cat([part.reshape(kv_heads, -1, head_dim, *rest) for part in parts], dim=1)
        return {target_patterns[0]: grouped.reshape(-1, *rest).contiguous()}

    @property
    def reverse_op(self) -> ConversionOps:
        """What loading applies."""
        return SplitGroups()


@cache
def register() -> None:
    """Teach transformers the layout, once per process; nothing of a checkpoint's own Python is involved."""
    AutoConfig.register(MODEL_TYPE, InternLM2Config, exist_ok=True)
    AutoModelForCausalLM.register(InternLM2Config, InternLM2ForCausalLM, exist_ok=True)
    register_checkpoint_conversion_mapping(MODEL_TYPE, _mapping(), overwrite=True)


def original_config(config: InternLM2Config) -> dict[str, Any]:
    """config.json in the words of the original code, which silently ignores transformers 5's own spelling."""
    rope = dict(config.rope_parameters)
    rope_theta, rope_type = rope.pop("rope_theta"), rope.pop("rope_type", "default")
    scaling = None if rope_type == "default" else {"type": rope_type, "factor": rope["factor"]}
    kept = (
        *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"),
        *(
            "num_key_value_heads",
            "hidden_act",
            "rms_norm_eps",
            "max_position_embeddings",
            "initializer_range",
        ),
        *("tie_word_embeddings", "use_cache", "bos_token_id", "eos_token_id", "pad_token_id"),
    )
    return {
        "architectures": [InternLM2ForCausalLM.__name__],
        "model_type": MODEL_TYPE,
        "bias": config.attention_bias,
        "rope_theta": rope_theta,
        "rope_scaling": scaling,
        **{key: getattr(config, key) for key in kept},
    }


def _mapping() -> "list[WeightTransform]":
    renamed = {
        r"^model\.tok_embeddings\.": "model.embed_tokens.",
        r"^output\.": "lm_head.",
        ".attention_norm.": ".input_layernorm.",
        ".ffn_norm.": ".post_attention_layernorm.",
        ".attention.wo.": ".self_attn.o_proj.",
        ".feed_forward.w1.": ".mlp.gate_proj.",
        ".feed_forward.w2.": ".mlp.down_proj.",
        ".feed_forward.w3.": ".mlp.up_proj.",
    }
    split = [".self_attn.q_proj", ".self_attn.k_proj", ".self_attn.v_proj"]
    return [
        *(WeightRenaming(_escaped(ours), theirs) for ours, theirs in renamed.items()),
        WeightConverter(".attention.wqkv", split, operations=[SplitGroups()]),
    ]


def _escaped(pattern: str) -> str:
    """A plain name becomes a pattern; those with ^ are patterns already."""
    return pattern if pattern.startswith("^") else pattern.replace(".", r"\.")


def _grouping(config: InternLM2Config) -> tuple[int, int, int]:
    """Key-value heads, query heads per key-value head, head_dim."""
    kv_heads = config.num_key_value_heads
    return kv_heads, config.num_attention_heads // kv_heads, config.hidden_size // config.num_attention_heads


def _single(value: Any) -> Tensor:
    """Converters collect tensors in lists; ours always hold one."""
    (tensor,) = value if isinstance(value, list) else [value]
    return tensor  # type: ignore[no-any-return]
