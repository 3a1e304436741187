"""A checkpoint folder read by its headers alone: what is promised, what is there, what is wrong with it.

Seconds for a 15 GB model, so that a checkpoint that does not fit stops before a weight is read.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from csft.errors import ModelError
from csft.model.layout import MODEL_TYPE, Shape, check_config, expected_shapes, is_internlm2
from csft.model.shards import check_places, read_header, weight_files
from csft.model.words import read_json, some

_DTYPES = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}
_FLOATS = ("F64", "F32", "F16", "BF16")


def read_config(folder: Path) -> dict[str, Any]:
    """config.json as it is on disk."""
    file = folder / "config.json"
    if not file.is_file():
        hint = (
            " It holds an adapter: give its base model." if (folder / "adapter_config.json").is_file() else ""
        )
        raise ModelError(f"model={folder}: config.json is missing.{hint}")
    return read_json(file)


def check_checkpoint(folder: Path) -> dict[str, Any]:
    """Check what can be checked without reading weights, and give config.json.

    For every layout: the files, and that each is whole. For InternLM2's also every name, shape and kind of
    number.
    """
    config = read_config(folder)
    internlm2 = is_internlm2(config)
    if internlm2:
        check_config(config)
    tensors = read_headers(folder)
    _check_kinship(tensors, str(config.get("model_type")), folder)
    if internlm2:
        _check_kinds(tensors, folder)
        check_tensors(expected_shapes(config), {name: shape for name, (shape, _) in tensors.items()}, folder)
    return config


def read_headers(folder: Path) -> dict[str, tuple[Shape, str]]:
    """Shape and kind of number (`F32`, `BF16`, …) of every tensor; each lies where it should."""
    tensors: dict[str, tuple[Shape, str]] = {}
    places: dict[str, str] = {}
    for file in weight_files(folder):
        found = read_header(file)
        if twice := tensors.keys() & found.keys():
            raise ModelError(
                f"model={folder}: {some(twice)} lie in {file.name} and in another shard too. Shards of two "
                "checkpoints are mixed; fetch it again."
            )
        tensors |= found
        places |= dict.fromkeys(found, file.name)
    check_places(folder, places)
    return tensors


def stored_dtype(folder: Path) -> str:
    """The number format of the weights: `bfloat16`, …; of a mixture `float32`, which holds them all."""
    kinds = {kind for _, kind in read_headers(folder).values()}
    return _DTYPES.get(kinds.pop(), "float32") if len(kinds) == 1 else "float32"


def check_tensors(expected: dict[str, Shape], found: dict[str, Shape], folder: Path) -> None:
    """Stop on tensors that are missing, of another shape than config.json says, or unknown."""
    if missing := expected.keys() - found.keys():
        raise ModelError(f"model={folder}: the weights lack {some(missing)}. The download may be incomplete.")
    if wrong := [name for name, shape in expected.items() if found[name] != shape]:
        name = wrong[0]
        raise ModelError(
            f"model={folder}: {some(wrong)} do not fit config.json ({name} is {found[name]}, by config.json "
            f"{expected[name]}). Weights and config.json are of different models."
        )
    tied_head = {"output.weight"} - expected.keys()  # may be there all the same, equal to the embedding
    if unknown := found.keys() - expected.keys() - tied_head:
        raise ModelError(
            f"model={folder}: the weights also hold {some(unknown)}, which config.json has no place for. "
            "Weights and config.json are of different models."
        )


def _check_kinship(names: Collection[str], model_type: str, folder: Path) -> None:
    """Stop when the weights are named as another family's than config.json says."""
    theirs, mark = (
        ("Llama", "model.embed_tokens.weight")
        if model_type == MODEL_TYPE
        else ("InternLM2", "model.tok_embeddings.weight")
    )
    if mark in names:
        raise ModelError(
            f"model={folder}: the weights have {theirs}'s names ({mark}), but config.json says "
            f"model_type={model_type}. Copy the config.json that belongs to these weights."
        )


def _check_kinds(tensors: dict[str, tuple[Shape, str]], folder: Path) -> None:
    if odd := [name for name, (_, kind) in tensors.items() if kind not in _FLOATS]:
        raise ModelError(
            f"model={folder}: {some(odd)} are {tensors[odd[0]][1]}; a checkpoint that is already quantised "
            "cannot be fine-tuned. Use the one in bfloat16; tune=qlora quantises it while loading."
        )
