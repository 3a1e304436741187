"""The model room: InternLM2 in its original layout, or any transformers causal LM, without remote code.

    net, tokenizer = load(path)                 # checked by name before a weight is read
    net = adapt(net, "lora", rank=16, alpha=32) # or "full", "qlora"
    save_adapter(net, folder)                   # or save(merged(net), folder): the layout the base came in

Importing this room imports neither torch nor transformers; the functions do.
"""

from csft.model.adapters import METHODS, adapt, load_adapter, merged, save_adapter
from csft.model.choosing import ATTENTIONS, choose_attention, choose_device, choose_dtype
from csft.model.fingerprints import (
    base_fingerprint,
    fingerprint,
    tokenizer_fingerprint,
)
from csft.model.folders import model_folder
from csft.model.loading import load, load_net
from csft.model.saving import save
from csft.model.scratching import scratch
from csft.model.size import Size, describe
from csft.model.tokenizers import load_tokenizer

__all__ = [
    "ATTENTIONS",
    "METHODS",
    "Size",
    "adapt",
    "base_fingerprint",
    "choose_attention",
    "choose_device",
    "choose_dtype",
    "describe",
    "fingerprint",
    "load",
    "load_adapter",
    "load_net",
    "load_tokenizer",
    "merged",
    "model_folder",
    "save",
    "save_adapter",
    "scratch",
    "tokenizer_fingerprint",
]
