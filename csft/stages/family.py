"""What trainings have in common that may begin alike: all but how long they go and how their rates do."""

from collections.abc import Mapping
from typing import Any

from csft.files import hash_value
from csft.stages.tail import KEYS

# They decide what is measured and kept, and no weight.
MEASURED = ("exam", "chat")
MEASURED_TRAIN = ("save",)


def family(parts: Mapping[str, Any], attention: str, optimizer: str, every: float | None) -> str:
    """Hash the parts of an identity (`csft.identity`) that decide each update, given the records and rates.

    `attention` and `optimizer` are what `auto` became. `every`: epochs between exams during training, which
    belong to a stage; with them, how the exam is put.
    """
    settings = dict(parts["settings"])
    left_out = {*KEYS, *(f"train.{name}" for name in MEASURED_TRAIN)}
    train = {name: value for name, value in settings["train"].items() if f"train.{name}" not in left_out}
    kept = {name: value for name, value in settings.items() if name not in left_out and name not in MEASURED}
    exams = None if every is None else [every, settings["exam"]]
    return hash_value([{**parts, "settings": {**kept, "train": train}}, attention, optimizer, exams])
