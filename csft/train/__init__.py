"""The training room: one call that fine-tunes a network on rows of token ids."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from csft.train.loop import FitResult, Rows, fit

__all__ = ["FitResult", "Rows", "fit"]


def __getattr__(name: str) -> Any:
    """Load torch and transformers on first use alone."""
    if name in __all__:
        from csft.train import loop as module

        return getattr(module, name)
    raise AttributeError(f"module 'csft.train' has no attribute {name!r}")
