"""Which trials may train together on one base: what has to be alike, and what each may have its own way.

Its own: data, mix, cut-off, batches and how rows are made, epochs, learning rate, schedule, weight decay,
clipping, seed, rank, alpha and rslora, layers that carry an adapter, validation, checkpoints, the exam.
"""

from typing import Any

from csft.config import Config

ALIKE = (
    "model.path",
    "model.dtype",
    "model.init",
    "model.shape",
    "attention",
    "site.device",
    "site.threads",
    "train.gradient_checkpointing",
)


def alone(config: Config) -> str | None:
    """Why a trial cannot train with any other, in words of its settings; None: it can.

    That its base cannot (`csft.train.unfit`) shows when the base is there.
    """
    tune = config.tune
    if tune.method != "lora":
        return f"tune={tune.method} trains by itself: trials with tune=lora share a base"
    if tune.dropout:
        return f"tune.dropout={tune.dropout:g} draws random numbers, which would be other ones"
    if tune.dora:
        return "tune.dora=true rescales whole weights"
    if config.parallel.kind != "none":
        return f"parallel={config.parallel.kind} has several processes train one trial"
    return None


def packable(one: Config, other: Config) -> str | None:
    """Why two trials cannot train together; None: they can."""
    for config in (one, other):
        if why := alone(config):
            return why
    for key in ALIKE:
        mine, theirs = _value(one, key), _value(other, key)
        if mine != theirs:
            return f"{key} is {mine} for one and {theirs} for the other"
    return None


def _value(config: Config, key: str) -> Any:
    found: Any = config
    for name in key.split("."):
        found = getattr(found, name)
    return found
