"""csft: hyperparameter studies of LLM fine-tuning against the Chinese medical exams (CMB)."""

import importlib
from types import ModuleType

__version__ = "0.1.0"
__all__ = ["data", "exam", "model", "trial"]


def __getattr__(name: str) -> ModuleType:
    """Load a room on first use: `from csft import model` imports torch, `import csft` does not."""
    if name in __all__:
        return importlib.import_module(f"csft.{name}")
    raise AttributeError(f"module 'csft' has no attribute {name!r}")
