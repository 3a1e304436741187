"""A network written for other programs: in the layout it came in, or under Llama's names for engines.

The Llama folder is one that stock transformers, vLLM and the like read without csft: every setting in the
words that transformers 4 and 5 share, the tokenizer as `tokenizer.json`.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.errors import SettingError
from csft.files import whole_folder, write_json
from csft.model.checkpoint import check_checkpoint
from csft.model.fingerprints import base_folder
from csft.model.saving import check_savable, copy_tokenizer, save, share
from csft.model.stock_tokenizers import write_stock_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LAYOUTS = ("llama", "original")


def export(
    net: "PreTrainedModel",
    path: str | Path,
    tokenizer: "PreTrainedTokenizerBase",
    layout: str = "llama",
    shard_size: str = "5GB",
) -> Path:
    """Write a network without an adapter to a new folder, whole or not at all; give the folder.

    `llama` is for InternLM2 and Llama models; a Llama's own tokenizer files are copied.
    """
    if layout not in LAYOUTS:
        raise SettingError("layout", layout, "one of " + ", ".join(LAYOUTS))
    kind = net.config.model_type
    if layout == "llama" and kind not in ("internlm2", "llama"):
        raise SettingError("layout", layout, f"original: a {kind} model has no Llama form")
    if layout == "original":
        return save(net, path, tokenizer=tokenizer, shard_size=shard_size)
    path = Path(path).expanduser().absolute()
    check_savable(net, path)
    with whole_folder(path) as folder:
        if kind == "internlm2":
            _as_llama(net).save_pretrained(folder, max_shard_size=shard_size)
            write_stock_tokenizer(tokenizer, folder)
        else:
            net.save_pretrained(folder, max_shard_size=shard_size)
            copy_tokenizer(folder, base_folder(net), tokenizer)
        _speak_to_both(folder / "config.json")
        check_checkpoint(folder)
        share(folder)
    return path


def _as_llama(net: Any) -> Any:
    """The same tensors under Llama's names; no second copy is made."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from csft.model.internlm2 import original_config

    settings = original_config(net.config)
    # InternLM2's `bias` is on all four attention projections and nowhere else, as Llama's `attention_bias`
    settings["attention_bias"] = settings.pop("bias")
    del settings["architectures"], settings["model_type"]
    with torch.device("meta"):
        llama = LlamaForCausalLM(LlamaConfig(**settings))
    llama.load_state_dict(net.state_dict(), assign=True)
    llama.tie_weights()
    llama.generation_config = net.generation_config
    return llama


def _speak_to_both(file: Path) -> None:
    """Put the rope and the number format in transformers 4's words, which 5 understands, not the reverse.

    An engine on transformers 4 passes over `rope_parameters` and computes with its default rope.
    """
    settings: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    rope = settings.pop("rope_parameters")
    settings["rope_theta"] = rope.pop("rope_theta")
    plain = rope.get("rope_type", "default") == "default"
    settings["rope_scaling"] = None if plain else {**rope, "type": rope["rope_type"]}
    settings["torch_dtype"] = settings.pop("dtype")
    write_json(file, settings)
