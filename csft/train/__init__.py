"""The training room: one call that fine-tunes a network on rows of token ids."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from csft.train.loop import FitResult, Rows, fit
    from csft.train.loss import validation_loss

__all__ = ["FitResult", "Rows", "fit", "validation_loss"]


def __getattr__(name: str) -> Any:
    """Load torch and transformers on first use alone."""
    if name in __all__:
        from csft.train import loop, loss

        return getattr(loss if name == "validation_loss" else loop, name)
    raise AttributeError(f"module 'csft.train' has no attribute {name!r}")
