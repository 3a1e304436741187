"""Which trials may train together."""

from dataclasses import replace
from typing import Any

import pytest

from csft.config import Config, Mix, Model, Parallel, Shape, Site, Train, Tune
from csft.study.packable import alone, packable

LORA = Config(model=Model(path="sample"), tune=Tune(method="lora"))


@pytest.mark.parametrize(
    "changes",
    [
        {"lr": 1.0, "seed": 7, "epochs": 9.0, "cutoff": 64},
        {"tune": Tune(method="lora", rank=4, alpha=3.0, rslora=True, targets="attention")},
        {"mix": Mix(datasets={"cmb": 1.0})},
        {"train": Train(batch=4, micro_batch=1, batching="packed", weight_decay=0.1, validation=0.1)},
    ],
    ids=", ".join,
)
def test_what_each_may_have_its_own_way(changes: dict[str, Any]) -> None:
    assert packable(LORA, replace(LORA, **changes)) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"model": Model(path="other")}, "model.path is sample for one and other for the other"),
        ({"model": Model(path="sample", dtype="bfloat16")}, "model.dtype"),
        ({"model": Model(path="sample", init="random")}, "model.init"),
        ({"model": Model(path="sample", shape=Shape(layers=9))}, "model.shape"),
        ({"attention": "sdpa"}, "attention"),
        ({"site": Site(device="cpu")}, "site.device"),
        ({"site": Site(threads=7)}, "site.threads"),
        ({"train": Train(gradient_checkpointing=True)}, "train.gradient_checkpointing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_to_be_alike(changes: dict[str, Any], why: str) -> None:
    told = packable(LORA, replace(LORA, **changes))
    assert told is not None and told.startswith(why)
    assert alone(replace(LORA, **changes)) is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"tune": Tune(method="full")}, "tune=full trains by itself"),
        ({"tune": Tune(method="qlora")}, "tune=qlora trains by itself"),
        ({"tune": Tune(method="lora", dropout=0.1)}, "tune.dropout=0.1"),
        ({"tune": Tune(method="lora", dora=True)}, "tune.dora=true"),
        ({"parallel": Parallel(kind="ddp")}, "parallel=ddp"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_who_trains_by_itself(changes: dict[str, Any], why: str) -> None:
    told = alone(replace(LORA, **changes))
    assert told is not None and told.startswith(why)
    assert packable(LORA, replace(LORA, **changes)) == packable(replace(LORA, **changes), LORA) == told
