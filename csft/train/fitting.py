"""Whether a plan fits, and if not, which settings would make it fit and what each would need.

What leaves the result as it is comes first: gradient checkpointing and a smaller micro-batch compute the same
numbers more slowly. What changes it (number format, optimiser, cut-off, adapters) is offered after that, with
as little of the former as suffices.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

from csft.anatomy import Anatomy
from csft.errors import MemoryFullError
from csft.train.memory import GB, MemoryPlan, memory_plan
from csft.train.workload import Workload

_NAMES = {
    "gradient_checkpointing": "train.gradient_checkpointing",
    "micro_batch": "train.micro_batch",
    "optimizer": "train.optimizer",
    "dtype": "model.dtype",
}
_CUTOFFS = (2048, 1024, 512, 256)

Change = dict[str, Any]


class MemoryPlanError(MemoryFullError):
    """A training that cannot fit into a device's memory."""


def check_fits(net: Anatomy, work: Workload, capacity: float) -> MemoryPlan:
    """Give the plan, or stop with the settings that would help."""
    plan = memory_plan(net, work)
    if plan.total <= capacity:
        return plan
    raise MemoryPlanError(f"Training {plan.line(capacity)}. {_advice(net, work, capacity)}")


def remedies(net: Anatomy, work: Workload, capacity: float) -> list[tuple[Change, float]]:
    """Changes of settings that make it fit, and the bytes each then needs."""

    def first(change: Change, savings: Iterable[Change]) -> list[tuple[Change, float]]:
        for saving in savings:
            need = memory_plan(net, replace(work, **change, **saving)).total
            if need <= capacity:
                return [({**change, **saving}, need)]
        return []

    checkpointing, smaller, both = _savings(work)
    found = first({}, checkpointing) + first({}, smaller) or first({}, both)
    plain = found[0][1] if found else float("inf")
    for changes in _changes(work):
        fitting = (first(change, ({}, *checkpointing, *smaller, *both)) for change in changes)
        # what fits without the change is offered with it only where it is worth something
        worth = [one for one in fitting if one and (one[0][1] < 0.9 * plain or len(one[0][0]) == 1)]
        found += worth[0] if worth else []
    return found


def _advice(net: Anatomy, work: Workload, capacity: float) -> str:
    found = remedies(net, work, capacity)
    if found:
        listed = "; ".join(f"{_words(change)} ({need / GB:.1f} GB)" for change, need in found)
        return f"Any of these fits: {listed}."
    savings = [{}, *chain(*_savings(work))]
    changes = [{**change, **saving} for change in ({}, *chain(*_changes(work))) for saving in savings]
    need, least = min(
        ((memory_plan(net, replace(work, **change)).total, change) for change in changes),
        key=lambda pair: pair[0],
    )
    tried = f"{_words(least)} would still need {need / GB:.1f} GB" if least else "no setting lowers it"
    return f"No setting makes it fit: {tried}. Use a smaller model, a device with more memory, or several."


def _savings(work: Workload) -> tuple[list[Change], list[Change], list[Change]]:
    """Same result, less memory: checkpointing, smaller micro-batches (the largest first), and both."""
    smaller: list[Change] = [
        {"micro_batch": size} for size in range(work.micro_batch - 1, 0, -1) if work.batch % size == 0
    ]
    if work.gradient_checkpointing:
        return [], smaller, []
    checkpointing: Change = {"gradient_checkpointing": True}
    return [checkpointing], smaller, [{**checkpointing, **one} for one in smaller]


def _changes(work: Workload) -> Iterator[list[Change]]:
    """What changes the result, the mildest first; of each group one is enough."""
    if work.attention == "eager":
        yield [{"attention": "sdpa"}]
    narrow: Change = {"dtype": "bfloat16"} if work.dtype == "float32" and work.tune != "qlora" else {}
    eight: Change = {"optimizer": "adamw_8bit"} if work.optimizer == "adamw" else {}
    yield [change for change in (narrow, eight, {**narrow, **eight}) if change]
    yield [{"cutoff": cutoff} for cutoff in _CUTOFFS if cutoff < work.cutoff]
    if work.tune == "full":
        yield [{"tune": "lora"}, {"tune": "lora", **narrow}]
    if work.tune != "qlora" and work.device == "cuda":
        yield [{"tune": "qlora"}]


def _words(change: Change) -> str:
    written = {key: str(value).lower() if isinstance(value, bool) else value for key, value in change.items()}
    return " ".join(f"{_NAMES.get(key, key)}={value}" for key, value in written.items())
