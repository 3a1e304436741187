"""The weight files of a checkpoint folder: one safetensors file, or shards that an index names."""

from pathlib import Path
from typing import Any

from csft.errors import ModelError
from csft.model.layout import Shape
from csft.model.words import read_json, some

INDEX, SINGLE = "model.safetensors.index.json", "model.safetensors"


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files, every shard of the index included; a missing one is a ModelError by name."""
    if (folder / INDEX).is_file():
        shards = sorted(set(_weight_map(folder).values()))
        for shard in shards:
            if not (folder / shard).is_file():
                raise ModelError(
                    f"model={folder}: the shard {shard}, named in {INDEX}, is missing. Fetch it again."
                )
        if (folder / SINGLE).is_file() and SINGLE not in shards:
            raise ModelError(
                f"model={folder}: {SINGLE} lies beside the shards of {INDEX}, and may differ. Move one "
                "of the two away."
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


def read_header(file: Path) -> dict[str, tuple[Shape, str]]:
    """Shape and kind of number (`F32`, `BF16`, …) of every tensor in one file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as opened:
            entries = {name: opened.get_slice(name) for name in opened.keys()}  # noqa: SIM118  (not a dict)
            return {name: (tuple(entry.get_shape()), entry.get_dtype()) for name, entry in entries.items()}
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"model={file.parent}: {file.name} is cut short or damaged ({error}). Fetch it again."
        ) from error


def check_places(folder: Path, places: dict[str, str]) -> None:
    """Stop when a tensor is not in the shard that the index says; no index, nothing to say."""
    if not (folder / INDEX).is_file():
        return
    weight_map = _weight_map(folder)
    if missing := weight_map.keys() - places.keys():
        raise ModelError(
            f"model={folder}: the weights lack {some(missing)}, which {INDEX} promises. Fetch it again."
        )
    if moved := [name for name in weight_map if weight_map[name] != places[name]]:
        raise ModelError(
            f"model={folder}: {some(moved)} lie in another shard than {INDEX} says ({places[moved[0]]}). "
            "Shards of two checkpoints are mixed; fetch it again."
        )


def _weight_map(folder: Path) -> dict[str, Any]:
    weight_map = read_json(folder / INDEX).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"model={folder}: {INDEX} has no weight_map. Fetch it again.")
    if outside := [shard for shard in weight_map.values() if Path(str(shard)).name != shard]:
        raise ModelError(f"model={folder}: {INDEX} names {outside[0]}, which is not a file of this folder.")
    return weight_map
