"""What identifies a model by its content, so that a trial or an adapter knows its base wherever it lies."""

from pathlib import Path
from typing import Any

from csft.errors import ModelError
from csft.files import hash_file, hash_value
from csft.model.checkpoint import read_config
from csft.model.folders import is_hub_id, model_folder, tokenizer_files
from csft.model.shards import INDEX, weight_files

_DECIDING = ("config.json", "generation_config.json", INDEX)
RECIPE = "csft_recipe"  # attribute of a network that was made here and never lay in a folder


def fingerprint(path: str | Path) -> str:
    """64 hex digits over config, weights and tokenizer files of a folder; of a hub id the snapshot's commit.

    A hub id must be in the hub's cache already (ModelError otherwise): this never downloads. Hashing 15 GB
    takes seconds, once per process; a file is hashed again when its size or time has changed.
    """
    folder = model_folder(path, download=False)
    if is_hub_id(path):
        return folder.name  # …/snapshots/<commit>
    read_config(folder)
    deciding = [file for name in _DECIDING if (file := folder / name).is_file()]
    files = {*deciding, *weight_files(folder), *tokenizer_files(folder)}
    return hash_value({file.name: hash_file(file) for file in files})


def tokenizer_fingerprint(path: str | Path) -> str:
    """64 hex digits over the files that decide how text becomes ids; weights do not count."""
    folder = model_folder(path)
    files = tokenizer_files(folder)
    if not files:
        raise ModelError(f"model={folder}: no tokenizer files. Copy them from the base model.")
    # the model type beside them decides how they are read
    kind = read_config(folder).get("model_type") if (folder / "config.json").is_file() else None
    return hash_value([kind, {file.name: hash_file(file) for file in files}])


def base_fingerprint(net: Any) -> str:
    """The fingerprint of the base under `net`: the folder it was loaded from, or its recipe."""
    recipe = getattr(net, RECIPE, None)  # a PeftModel passes attribute look-ups on to its base
    if recipe is not None:
        return str(recipe)
    folder = base_folder(net)
    if folder is None:
        raise ModelError(
            "This network was not loaded from a folder, so its base has no name. Save it and load it."
        )
    return fingerprint(folder)


def base_folder(net: Any) -> Path | None:
    """The folder the weights came from, None for a network made in memory."""
    name = getattr(net, "name_or_path", "")
    return Path(name) if name and Path(name).is_dir() else None
