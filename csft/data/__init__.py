"""The data room: raw medical datasets to batches of tokens.

`read` and `encode` work on one record; `prepare` brings datasets to token stores once; `draw` and
`TrainingSet` make a trial's rows; `batch_plan` and the collators make its batches.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from csft.data.alpaca import Alpaca
    from csft.data.batches import batch_plan, collate_packed, collate_padded, waste
    from csft.data.catalog import DATASETS
    from csft.data.encoding import encode
    from csft.data.mix import draw
    from csft.data.preparation import Prepared, prepare
    from csft.data.sources import raw_files, read
    from csft.data.template import TEMPLATES, user_prompt_ids
    from csft.data.training_set import TrainingSet, Truncation

__all__ = [
    "DATASETS",
    "TEMPLATES",
    "Alpaca",
    "Prepared",
    "TrainingSet",
    "Truncation",
    "batch_plan",
    "collate_packed",
    "collate_padded",
    "draw",
    "encode",
    "prepare",
    "raw_files",
    "read",
    "user_prompt_ids",
    "waste",
]

# No public name may equal a module's name: importing the module would put it in the function's place.
_HOMES = {
    "alpaca": ("Alpaca",),
    "batches": ("batch_plan", "collate_packed", "collate_padded", "waste"),
    "catalog": ("DATASETS",),
    "encoding": ("encode",),
    "mix": ("draw",),
    "preparation": ("Prepared", "prepare"),
    "sources": ("raw_files", "read"),
    "template": ("TEMPLATES", "user_prompt_ids"),
    "training_set": ("TrainingSet", "Truncation"),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name's module on first use."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'csft.data' has no attribute {name!r}")
    return getattr(importlib.import_module(f"csft.data.{_MODULE_OF[name]}"), name)
