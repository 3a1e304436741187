"""Imports of what a process keeps to its end: torch, transformers and peft make half a million objects.

Python's collector would look through them again and again while they are made, a quarter of the time that the
imports take, and afterwards at every full collection, of which a trial has several.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """Make what lasts: nothing is collected meanwhile, and what is there at the end never looked at again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if enabled:
            gc.enable()
