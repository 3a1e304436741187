"""Writing the base in InternLM2's original layout: its names, its fused `wqkv`, its config.json."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.files import write_json
from csft.sample.pretrain.vocabulary import MARKERS

if TYPE_CHECKING:
    import torch

# transformers' Llama names -> the original ones (modeling_internlm2.py as published).
_NAMES = {
    "model.embed_tokens.weight": "model.tok_embeddings.weight",
    "model.norm.weight": "model.norm.weight",
    "lm_head.weight": "output.weight",
}
_LAYER_NAMES = {
    "self_attn.o_proj": "attention.wo",
    "mlp.gate_proj": "feed_forward.w1",
    "mlp.up_proj": "feed_forward.w3",
    "mlp.down_proj": "feed_forward.w2",
    "input_layernorm": "attention_norm",
    "post_attention_layernorm": "ffn_norm",
}
_CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def write_checkpoint(net: Any, folder: Path) -> None:
    """config.json, tokenizer_config.json, special_tokens_map.json and model.safetensors (bfloat16)."""
    from safetensors.torch import save_file

    config = net.config
    weights = original_weights(net.state_dict(), config.num_hidden_layers, config.num_key_value_heads)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "config.json", _config(config))
    write_json(folder / "tokenizer_config.json", _tokenizer_config(config.vocab_size))
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>"}
    write_json(folder / "special_tokens_map.json", {"additional_special_tokens": list(MARKERS[::-1])} | names)


def original_weights(
    state: "dict[str, torch.Tensor]", layers: int, kv_heads: int
) -> "dict[str, torch.Tensor]":
    """The tensors under their original names, bfloat16."""
    import torch

    weights = {ours: state[theirs] for theirs, ours in _NAMES.items()}
    for layer in range(layers):
        at = f"model.layers.{layer}"
        for theirs, ours in _LAYER_NAMES.items():
            weights[f"{at}.{ours}.weight"] = state[f"{at}.{theirs}.weight"]
        query, key, value = (state[f"{at}.self_attn.{part}_proj.weight"] for part in "qkv")
        weights[f"{at}.attention.wqkv.weight"] = _fused(query, key, value, kv_heads)
    return {name: weights[name].to(torch.bfloat16).contiguous() for name in sorted(weights)}


def _fused(
    query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor", kv_heads: int
) -> "torch.Tensor":
    """Rows grouped by key-value head: its queries, its key, its value."""
    import torch

    grouped = [part.reshape(kv_heads, -1, part.shape[-1]) for part in (query, key, value)]
    return torch.cat(grouped, dim=1).reshape(-1, query.shape[-1])


def _config(config: Any) -> dict[str, Any]:
    same = (
        "hidden_size",
        "initializer_range",
        "intermediate_size",
        "max_position_embeddings",
        "num_attention_heads",
        "num_hidden_layers",
        "num_key_value_heads",
        "rms_norm_eps",
        "vocab_size",
    )
    return {
        "architectures": ["InternLM2ForCausalLM"],
        "attn_implementation": "eager",
        "auto_map": {
            "AutoConfig": "configuration_internlm2.InternLM2Config",
            "AutoModelForCausalLM": "modeling_internlm2.InternLM2ForCausalLM",
            "AutoModel": "modeling_internlm2.InternLM2ForCausalLM",
        },
        "bias": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "model_type": "internlm2",
        "pad_token_id": 2,
        "rope_scaling": {"factor": 2.0, "type": "dynamic"},
        "rope_theta": int(config.rope_parameters["rope_theta"]),
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "transformers_version": "4.41.0",
        "use_cache": True,
    } | {name: getattr(config, name) for name in same}


def _tokenizer_config(vocabulary: int) -> dict[str, Any]:
    ids = {0: "<unk>", 1: "<s>", 2: "</s>"} | dict(enumerate(MARKERS, vocabulary - len(MARKERS)))
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    return {
        "add_bos_token": True,
        "add_eos_token": False,
        "added_tokens_decoder": {str(number): {"content": name} | flags for number, name in ids.items()},
        "additional_special_tokens": list(MARKERS[::-1]),
        "auto_map": {"AutoTokenizer": ["tokenization_internlm2.InternLM2Tokenizer", None]},
        "bos_token": "<s>",
        "chat_template": _CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "decode_with_prefix_space": False,
        "eos_token": "</s>",
        "model_max_length": 1000000000000000019884624838656,
        "pad_token": "</s>",
        "sp_model_kwargs": None,
        "tokenizer_class": "InternLM2Tokenizer",
        "unk_token": "<unk>",
    }
