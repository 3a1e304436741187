"""A network's sizes, read from config.json and the weights' headers: no weight is read, torch not imported.

Layers are found by their names, so that any decoder in safetensors gives its true numbers of parameters. How
its blocks compute is known for InternLM2 and the families in `_KNOWN`; of others the Anatomy carries a doubt.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from typing import Any

from csft.anatomy import Anatomy, Linear
from csft.model.checkpoint import check_checkpoint, read_headers
from csft.model.folders import model_folder
from csft.model.layout import Shape, expected_shapes, is_internlm2, kv_heads_of

# Their decoder layers compute as Llama's do: two norms, gated MLP, q k v o; Qwen3 norms queries and keys.
_KNOWN = {"internlm2", "llama", "mistral", "qwen2", "qwen3"}
_LLAMA_NAMES = {"wo": "o_proj", "w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}
_IN_BLOCK = re.compile(r"\.(\d+)\.(?:.*\.)?([^.]+)\.(?:weight|bias)$")
_EMBEDDINGS = ("tok_embeddings", "embed_tokens", "embed_in", "wte", "word_embeddings")
_HEADS = ("output", "lm_head", "embed_out")
_GATES = ("gate_proj", "gate_up_proj")
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}

Headers = Mapping[str, tuple[Shape, str]]


def anatomy(path: str | Path) -> Anatomy:
    """The sizes of a checkpoint, a folder or hub id as for `load`; a damaged one is a ModelError."""
    folder = model_folder(path)
    config = check_checkpoint(folder)
    return _read(config, read_headers(folder))


def scratch_anatomy(
    vocabulary: int,
    *,
    hidden: int,
    layers: int,
    heads: int,
    kv_heads: int,
    intermediate: int,
    seed: int = 0,
) -> Anatomy:
    """The sizes of what `scratch` makes of the same shape and a tokenizer of `vocabulary` ids."""
    config = {
        "architectures": ["InternLM2ForCausalLM"],
        "model_type": "internlm2",
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "intermediate_size": intermediate,
        "bias": False,
    }
    return _read(config, {name: (shape, "") for name, shape in expected_shapes(config).items()})


def _read(config: Mapping[str, Any], headers: Headers) -> Anatomy:
    shapes = {name: shape for name, (shape, _) in headers.items()}
    embedding = _named(shapes, _EMBEDDINGS)
    head = _named(shapes, _HEADS)
    vocabulary, hidden = shapes[embedding] if embedding else (config.get("vocab_size", 0), _hidden(config))
    tied = not head or bool(config.get("tie_word_embeddings", False))
    blocks = {name: shape for name, shape in shapes.items() if name not in (embedding, head)}
    heads = _first(config, "num_attention_heads", "n_head") or max(hidden // 128, 1)
    head_dim = config.get("head_dim") or max(hidden // heads, 1)
    matrices = list(_matrices(blocks, config))
    linears = _kinds(matrices)
    vectors = sum(prod(shape) for shape in blocks.values()) - sum(kind.parameters for kind in linears)
    return Anatomy(
        hidden=hidden,
        layers=_first(config, "num_hidden_layers", "n_layer") or _layers(blocks),
        heads=heads,
        kv_heads=_first(config, "num_key_value_heads") or heads,
        head_dim=head_dim,
        intermediate=_intermediate(config, linears, hidden),
        vocabulary=vocabulary,
        linears=linears,
        vectors=vectors,
        tied=tied,
        norms=_norms(blocks, hidden) or 2,
        head_norms=any(".q_norm." in name for name in blocks),
        gated=any(kind.name in _GATES for kind in linears),
        kind=str(config.get("model_type", "")),
        stored=_stored(headers),
        doubt=_doubt(config, bool(embedding), blocks),
    )


def _matrices(blocks: Mapping[str, Shape], config: Mapping[str, Any]) -> Iterable[tuple[str, Shape]]:
    """The name's last part and shape of every matrix in a block, InternLM2's as the network holds them."""
    for name, shape in blocks.items():
        found = _IN_BLOCK.search(name)
        if len(shape) != 2 or not found or name.endswith("bias"):
            continue
        last = found[2]
        if last == "wqkv":
            query, key = _split(shape, config)
            yield from (("q_proj", query), ("k_proj", key), ("v_proj", key))
        else:
            yield _LLAMA_NAMES.get(last, last) if is_internlm2(config) else last, shape


def _split(fused: Shape, config: Mapping[str, Any]) -> tuple[Shape, Shape]:
    """Shapes of the query and of the key or value matrix that a fused `wqkv` holds."""
    heads, kv_heads = config["num_attention_heads"], kv_heads_of(config)
    head_dim = fused[0] // (heads + 2 * kv_heads)
    return (heads * head_dim, fused[1]), (kv_heads * head_dim, fused[1])


def _kinds(matrices: Iterable[tuple[str, Shape]]) -> tuple[Linear, ...]:
    counted = Counter(matrices)
    return tuple(Linear(name, shape[0], shape[1], count) for (name, shape), count in counted.items())


def _named(shapes: Mapping[str, Shape], words: tuple[str, ...]) -> str:
    """The matrix outside the blocks that is called one of these words, or nothing."""
    names = [n for n, shape in shapes.items() if len(shape) == 2 and n.split(".")[-2:-1] and not _inside(n)]
    return next((name for name in names if name.split(".")[-2] in words), "")


def _inside(name: str) -> bool:
    return _IN_BLOCK.search(name) is not None


def _layers(blocks: Mapping[str, Shape]) -> int:
    return len({found[1] for name in blocks if (found := _IN_BLOCK.search(name))}) or 1


def _norms(blocks: Mapping[str, Shape], hidden: int) -> int:
    """Norms of the network's width in its first block."""
    first = [name for name, shape in blocks.items() if shape == (hidden,) and ".0." in name]
    return sum(name.endswith("weight") for name in first)


def _intermediate(config: Mapping[str, Any], linears: tuple[Linear, ...], hidden: int) -> int:
    given = _first(config, "intermediate_size", "n_inner", "ffn_dim")
    return given or max((max(kind.outputs, kind.inputs) for kind in linears), default=4 * hidden)


def _stored(headers: Headers) -> str:
    """The kind of number most bytes are in."""
    bytes_of: Counter[str] = Counter()
    for shape, kind in headers.values():
        bytes_of[kind] += prod(shape) * _BYTES.get(kind, 1)
    return bytes_of.most_common(1)[0][0] if bytes_of else ""


def _doubt(config: Mapping[str, Any], embedding: bool, blocks: Mapping[str, Shape]) -> str:
    kind = str(config.get("model_type", "unnamed"))
    if not embedding:
        return f"no embedding was found under a known name (model_type {kind})"
    if any(len(shape) > 2 or ".experts." in name for name, shape in blocks.items()):
        return f"it has experts or convolutions, whose activations are not known (model_type {kind})"
    return "" if kind in _KNOWN else f"how {kind} computes is not known; Llama's rules were taken"


def _hidden(config: Mapping[str, Any]) -> int:
    return _first(config, "hidden_size", "n_embd", "d_model") or 1


def _first(config: Mapping[str, Any], *keys: str) -> int:
    """The first of these settings that is there, 0 without any."""
    return next((int(config[key]) for key in keys if config.get(key)), 0)
