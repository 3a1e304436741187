"""A net that is asked, not trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def evaluating(net: Any) -> Iterator[None]:
    """No dropout, no gradients; the training mode comes back afterwards."""
    import torch

    training = net.training
    if training:  # a walk over all modules
        net.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        if training:
            net.train()
