"""The data room: raw medical datasets to batches of tokens.

`read` and `encode` work on one record; `hold_out` chooses the dialogues that nobody trains on; `prepare`
brings datasets to token stores once; `Mixture` makes a trial's rows and draws its epochs; `batch_plan` and
`collate` make its batches.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from csft.data.alpaca import Alpaca
    from csft.data.batches import SHARED_ROWS, Plan, batch_plan, collate, joins, waste
    from csft.data.catalog import DATASETS
    from csft.data.encoding import IGNORED, encode
    from csft.data.held_out import Dialogue, HeldOut, hold_out
    from csft.data.mix import chosen, draw
    from csft.data.mixture import Drawn, Mixture
    from csft.data.preparation import Prepared, prepare
    from csft.data.screen import ScreenRules
    from csft.data.sources import raw_files, read
    from csft.data.template import TEMPLATES, prompt_ids
    from csft.data.training_set import CutOff, TrainingSet
    from csft.data.truncation import Truncation

__all__ = [
    "DATASETS",
    "IGNORED",
    "SHARED_ROWS",
    "TEMPLATES",
    "Alpaca",
    "CutOff",
    "Dialogue",
    "Drawn",
    "HeldOut",
    "Mixture",
    "Plan",
    "Prepared",
    "ScreenRules",
    "TrainingSet",
    "Truncation",
    "batch_plan",
    "chosen",
    "collate",
    "draw",
    "encode",
    "hold_out",
    "joins",
    "prepare",
    "prompt_ids",
    "raw_files",
    "read",
    "waste",
]

# No public name may equal a module's name: importing the module would put it in the function's place.
_HOMES = {
    "alpaca": ("Alpaca",),
    "batches": ("SHARED_ROWS", "Plan", "batch_plan", "collate", "joins", "waste"),
    "catalog": ("DATASETS",),
    "encoding": ("IGNORED", "encode"),
    "held_out": ("Dialogue", "HeldOut", "hold_out"),
    "mix": ("chosen", "draw"),
    "mixture": ("Drawn", "Mixture"),
    "preparation": ("Prepared", "prepare"),
    "screen": ("ScreenRules",),
    "sources": ("raw_files", "read"),
    "template": ("TEMPLATES", "prompt_ids"),
    "training_set": ("CutOff", "TrainingSet"),
    "truncation": ("Truncation",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name's module on first use."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'csft.data' has no attribute {name!r}")
    return getattr(importlib.import_module(f"csft.data.{_MODULE_OF[name]}"), name)
