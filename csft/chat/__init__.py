"""The conversation room: how a net talks, in token ids and figures; it knows of no dataset and no tokenizer.

`sample` lets a net answer; `figures` counts how the answers are made and holds it beside a loss.
"""

import importlib
from typing import TYPE_CHECKING, Any

from csft.chat.figures import Figures, distinct, figures, repetition
from csft.chat.sampled import Drawing, Sampled

if TYPE_CHECKING:
    from csft.chat.sampling import sample, sample_together

_HEAVY = {"sample": "sampling", "sample_together": "sampling"}

__all__ = ["Drawing", "Figures", "Sampled", "distinct", "figures", "repetition", "sample", "sample_together"]


def __getattr__(name: str) -> Any:
    """Load torch and transformers on first use alone."""
    if name in _HEAVY:
        return getattr(importlib.import_module(f"csft.chat.{_HEAVY[name]}"), name)
    raise AttributeError(f"module 'csft.chat' has no attribute {name!r}")
