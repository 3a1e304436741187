"""InternLM2's original checkpoint layout, as plain data: which tensors a config.json promises.

Source: `modeling_internlm2.py` as published with the InternLM2.5 checkpoints (InternLM/xtuner,
xtuner/_lite/modelings/internlm2), and the index of InternLM2.5-7B: 227 names.

One layer's fused `wqkv` holds, for every key-value head, its query heads, then its key, then its value:

    rows:  | q q q q k v | q q q q k v | …    each letter head_dim rows, as many groups as key-value heads
"""

from collections.abc import Mapping
from typing import Any

from csft.errors import ModelError

MODEL_TYPE, ARCHITECTURE = "internlm2", "InternLM2ForCausalLM"
_SIZES = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
_ROPE_TYPES = ("default", "linear", "dynamic")
Shape = tuple[int, ...]


def is_internlm2(config: Mapping[str, Any]) -> bool:
    """Whether config.json describes this layout. The name with another architecture is a ModelError."""
    architectures = config.get("architectures") or []
    if config.get("model_type") != MODEL_TYPE:
        return False
    if list(architectures) != [ARCHITECTURE]:
        raise ModelError(
            f"config.json says model_type internlm2 with architectures {architectures}; only "
            f"[{ARCHITECTURE!r}] can be fine-tuned here. Use the causal language model's checkpoint."
        )
    return True


def check_config(config: Mapping[str, Any]) -> None:
    """Stop on a config.json that the original code could not have been trained with."""
    for key in _SIZES:
        if not isinstance(config.get(key), int) or config[key] < 1:
            raise ModelError(f"config.json: {key}={config.get(key)} must be a whole number, at least 1.")
    heads, kv_heads = config["num_attention_heads"], kv_heads_of(config)
    if config["hidden_size"] % heads or heads % kv_heads:
        raise ModelError(
            f"config.json: hidden_size={config['hidden_size']} must be a multiple of "
            f"num_attention_heads={heads}, and that of num_key_value_heads={kv_heads}."
        )
    rope_type = rope_type_of(config)
    if rope_type not in _ROPE_TYPES:
        raise ModelError(
            f"config.json: rope_scaling type {rope_type!r} is not one of {', '.join(_ROPE_TYPES)}."
        )


def kv_heads_of(config: Mapping[str, Any]) -> int:
    """Key-value heads; a configuration that leaves them out has one per query head."""
    return int(config.get("num_key_value_heads") or config["num_attention_heads"])


def rope_type_of(config: Mapping[str, Any]) -> str:
    """`default`, `linear`, `dynamic`, …; transformers 4 wrote the key as `type`."""
    scaling = config.get("rope_scaling") or {}
    return str(scaling.get("rope_type") or scaling.get("type") or "default")


def expected_shapes(config: Mapping[str, Any]) -> dict[str, Shape]:
    """Every tensor the checkpoint must hold, under its original name."""
    hidden, vocabulary = config["hidden_size"], config["vocab_size"]
    shapes: dict[str, Shape] = {
        "model.tok_embeddings.weight": (vocabulary, hidden),
        "model.norm.weight": (hidden,),
    }
    if not config.get("tie_word_embeddings", False):
        shapes["output.weight"] = (vocabulary, hidden)
    for layer in range(config["num_hidden_layers"]):
        shapes |= {f"model.layers.{layer}.{name}": shape for name, shape in _layer_shapes(config).items()}
    return shapes


def _layer_shapes(config: Mapping[str, Any]) -> dict[str, Shape]:
    hidden, wide, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    fused = (heads + 2 * kv_heads_of(config)) * (hidden // heads)
    shapes: dict[str, Shape] = {
        "attention.wqkv.weight": (fused, hidden),
        "attention.wo.weight": (hidden, hidden),
        "feed_forward.w1.weight": (wide, hidden),
        "feed_forward.w2.weight": (hidden, wide),
        "feed_forward.w3.weight": (wide, hidden),
        "attention_norm.weight": (hidden,),
        "ffn_norm.weight": (hidden,),
    }
    if config.get("bias", True):  # the original configuration class has bias on unless told otherwise
        shapes |= {"attention.wqkv.bias": (fused,), "attention.wo.bias": (hidden,)}
    return shapes
