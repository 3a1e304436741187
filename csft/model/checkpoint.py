"""A checkpoint folder read by its headers alone: what is promised, what is there, what is wrong with it.

Seconds for a 15 GB model, so that a checkpoint that does not fit stops before a weight is read.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from csft.errors import ModelError
from csft.model.layout import Shape, check_config, expected_shapes, is_internlm2

INDEX, SINGLE = "model.safetensors.index.json", "model.safetensors"
_NAMES_SHOWN = 4
_FLOATS = ("F64", "F32", "F16", "BF16")


def read_config(folder: Path) -> dict[str, Any]:
    """config.json as it is on disk."""
    file = folder / "config.json"
    if not file.is_file():
        hint = (
            " It holds an adapter: give its base model." if (folder / "adapter_config.json").is_file() else ""
        )
        raise ModelError(f"model={folder}: config.json is missing.{hint}")
    return _read_json(file)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files, every shard of the index included; a missing one is a ModelError by name."""
    if (folder / INDEX).is_file():
        shards = sorted(set(_weight_map(folder).values()))
        for shard in shards:
            if not (folder / shard).is_file():
                raise ModelError(
                    f"model={folder}: the shard {shard}, named in {INDEX}, is missing. Fetch it again."
                )
        return [folder / shard for shard in shards]
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    pickled = sorted(file.name for file in folder.glob("*.bin"))
    why = (
        f"only {pickled[0]} is there, and pickled weights can run code, so they are not read; convert them "
        "once with a tool you trust"
        if pickled
        else f"neither {SINGLE} nor {INDEX} is there"
    )
    raise ModelError(f"model={folder}: no safetensors weights; {why}.")


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
    if internlm2:
        _check_kinds(tensors, folder)
        check_tensors(expected_shapes(config), {name: shape for name, (shape, _) in tensors.items()}, folder)
    return config


def read_headers(folder: Path) -> dict[str, tuple[Shape, str]]:
    """Shape and kind of number (`F32`, `BF16`, …) of every tensor in the weight files."""
    from safetensors import SafetensorError, safe_open

    tensors: dict[str, tuple[Shape, str]] = {}
    for file in weight_files(folder):
        try:
            with safe_open(file, framework="np") as opened:
                for name in opened.keys():  # noqa: SIM118  (not a dict)
                    entry = opened.get_slice(name)
                    tensors[name] = tuple(entry.get_shape()), entry.get_dtype()
        except (SafetensorError, OSError) as error:
            raise ModelError(
                f"model={folder}: {file.name} is cut short or damaged ({error}). Fetch it again."
            ) from error
    return tensors


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


def some(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - _NAMES_SHOWN} more" if len(ordered) > _NAMES_SHOWN else ""
    return ", ".join(ordered[:_NAMES_SHOWN]) + more


def _check_kinds(tensors: dict[str, tuple[Shape, str]], folder: Path) -> None:
    if odd := [name for name, (_, kind) in tensors.items() if kind not in _FLOATS]:
        raise ModelError(
            f"model={folder}: {some(odd)} are {tensors[odd[0]][1]}; a checkpoint that is already quantised "
            "cannot be fine-tuned. Use the one in bfloat16; tune=qlora quantises it while loading."
        )


def _weight_map(folder: Path) -> dict[str, str]:
    weight_map = _read_json(folder / INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"model={folder}: {INDEX} has no weight_map. Fetch it again.")
    if outside := [shard for shard in weight_map.values() if Path(shard).name != shard]:
        raise ModelError(f"model={folder}: {INDEX} names {outside[0]}, which is not a file of this folder.")
    return weight_map


def _read_json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(
            f"model={file.parent}: {file.name} is not JSON ({error}). Fetch it again."
        ) from error
    if not isinstance(value, dict):
        raise ModelError(f"model={file.parent}: {file.name} is not a JSON object. Fetch it again.")
    return value
