"""The conversation room: how a net talks, in token ids and figures; it knows of no dataset and no tokenizer.

`sample` lets a net answer; `figures` counts how the answers are made and holds it beside a loss.
"""

import importlib
from typing import TYPE_CHECKING, Any

from csft.chat.figures import Figures, distinct, figures, repetition
from csft.chat.sampled import Sampled

if TYPE_CHECKING:
    from csft.chat.sampling import sample

_HEAVY = {"sample": "sampling"}

__all__ = ["Figures", "Sampled", "distinct", "figures", "repetition", "sample"]


def __getattr__(name: str) -> Any:
    """Load torch and transformers on first use alone."""
    if name in _HEAVY:
        return getattr(importlib.import_module(f"csft.chat.{_HEAVY[name]}"), name)
    raise AttributeError(f"module 'csft.chat' has no attribute {name!r}")
