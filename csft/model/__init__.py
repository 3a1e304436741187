"""The model room: InternLM2 in its original layout, or any transformers causal LM, without remote code.

    net, tokenizer = load(path)                 # checked by name before a weight is read
    net = adapt(net, "lora", rank=16, alpha=32) # or "full", "qlora"
    save_adapter(net, folder)                   # or save(merged(net), folder): the layout the base came in
    export(net, folder, tokenizer)              # Llama's layout, for programs without csft

Importing this room imports neither torch nor transformers; the functions do.
"""

from csft.model.adapters import METHODS, adapt, load_adapter, merged, save_adapter
from csft.model.anatomy import anatomy, scratch_anatomy
from csft.model.apart import check_apart
from csft.model.checkpoint import stored_dtype
from csft.model.choosing import ATTENTIONS, choose_attention, choose_device, choose_dtype
from csft.model.exporting import LAYOUTS, export
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
from csft.model.tokenizers import load_tokenizer, vocabulary_size

__all__ = [
    "ATTENTIONS",
    "LAYOUTS",
    "METHODS",
    "Size",
    "adapt",
    "anatomy",
    "base_fingerprint",
    "check_apart",
    "choose_attention",
    "choose_device",
    "choose_dtype",
    "describe",
    "export",
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
    "scratch_anatomy",
    "stored_dtype",
    "tokenizer_fingerprint",
    "vocabulary_size",
]
