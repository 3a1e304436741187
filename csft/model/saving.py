"""A network back on disk in the layout it came in, whole or not at all."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.errors import ModelError
from csft.files import whole_folder, write_json
from csft.model.checkpoint import check_checkpoint, read_config
from csft.model.fingerprints import RECIPE, base_folder
from csft.model.folders import model_folder, tokenizer_files

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_GENERATION = "generation_config.json"


def save(
    net: "PreTrainedModel",
    path: str | Path,
    source: str | Path | None = None,
    tokenizer: "PreTrainedTokenizerBase | None" = None,
    shard_size: str = "5GB",
) -> Path:
    """Write weights (safetensors), configuration and tokenizer; give the folder.

    InternLM2 goes back under its original names with `wqkv` fused. `config.json`, tokenizer files, Python
    files and generation settings are then those of `source` (default: the folder the network came from), byte
    for byte: the config.json that transformers 5 writes makes the original code read wrong rope and bias
    settings. The tokenizer given serves when the source has none. What `load` would refuse is not put in
    place.
    """
    path = Path(path).expanduser().absolute()
    check_savable(net, path)
    origin = model_folder(source) if source is not None else base_folder(net)
    internlm2 = net.config.model_type == "internlm2"
    with whole_folder(path) as folder:
        net.save_pretrained(folder, max_shard_size=shard_size)
        if internlm2:
            _restore_config(net, folder, origin)
        copy_tokenizer(folder, origin, tokenizer)
        check_checkpoint(folder)
        share(folder)
    if hasattr(net, RECIPE):  # made in memory: from now on it is the model of this folder
        delattr(net, RECIPE)
        net.name_or_path = str(path)
    return path


def check_savable(net: Any, path: Path) -> None:
    """Stop on what no layout can hold, and on a folder that is there already."""
    if hasattr(net, "peft_config"):
        raise ModelError(
            f"{path}: this network carries an adapter. Use save_adapter, or save(merged(net), …)."
        )
    if getattr(net, "hf_quantizer", None) is not None:
        raise ModelError(
            f"{path}: this network is quantised to 4 bits, which its layout cannot hold. Save its adapter, "
            "and merge that into the base loaded in bfloat16."
        )
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ModelError(f"{path} is there already. Give a new folder.")


def share(folder: Path) -> None:
    """Let others read what was written, as `whole_file` does: weight files come out as the writer's alone."""
    for file in folder.iterdir():
        file.chmod(0o644)


def _restore_config(net: Any, folder: Path, origin: Path | None) -> None:
    """Put the source's own configuration files over those that transformers wrote."""
    from csft.model.internlm2 import InternLM2Config, original_config

    (folder / _GENERATION).unlink(missing_ok=True)
    ours = original_config(net.config)
    if origin is None:
        write_json(folder / "config.json", {**ours, "torch_dtype": str(net.dtype).removeprefix("torch.")})
        return
    theirs = original_config(InternLM2Config(**_arguments(read_config(origin))))
    if changed := sorted(key for key in ours if ours[key] != theirs[key]):
        raise ModelError(
            f"{origin}/config.json no longer describes the network: {changed[0]} is {ours[changed[0]]} now, "
            f"{theirs[changed[0]]} there. Give save the source that fits."
        )
    for file in (origin / "config.json", origin / _GENERATION, *sorted(origin.glob("*.py"))):
        if file.is_file():
            shutil.copyfile(file, folder / file.name)


def _arguments(config: dict[str, Any]) -> dict[str, Any]:
    """config.json less what only says how to load it (`auto_map` names remote code)."""
    return {key: value for key, value in json.loads(json.dumps(config)).items() if key != "auto_map"}


def copy_tokenizer(folder: Path, origin: Path | None, tokenizer: Any) -> None:
    """Byte for byte from the source, else from the given tokenizer's folder, else written anew."""
    own = Path(tokenizer.name_or_path) if tokenizer is not None else None
    for place in (origin, own):
        if place is not None and (files := tokenizer_files(place)):
            for file in files:
                shutil.copyfile(file, folder / file.name)
            return
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)
