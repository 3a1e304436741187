"""Who a trial's siblings are in a search space, and what is said where they cannot share a training."""

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import pytest

from csft import compose
from csft.stages import Tail
from csft.study import branching
from csft.study.space import parse

BASE = Tail(epochs=3, schedule="cosine", warmup=0.05, warmup_updates=None, decay=0.2)


@lru_cache
def config(*words: str) -> Any:
    return compose.from_overrides(["+mix=full", *words])


def siblings(params: dict[str, Any], *words: str, when: Any = None) -> list[Tail]:
    space, fixed = parse(["+mix=full", *words], {}, when or {})
    return branching.siblings(space, params, config(*(word for word in fixed if word != "+mix=full")))


def test_siblings_differ_in_their_end_alone() -> None:
    words = ("epochs=1,2,3", "lr=1e-4,1e-3", "train.schedule=constant")
    found = siblings({"epochs": 2, "lr": 1e-4}, *words)
    assert found == [Tail(epochs, "constant", 0.05, None, 0.2) for epochs in (1, 3)]
    assert siblings({"lr": 1e-4}, "lr=1e-4,1e-3", "train.schedule=constant") == []


def test_every_setting_of_an_end_counts() -> None:
    words = ("train.schedule=constant,wsd", "train.decay=0.1,0.3", "train.warmup_updates=null,5", "epochs=1")
    params = {"train.schedule": "wsd", "train.decay": 0.1, "train.warmup_updates": "5"}
    found = siblings(params, *words)
    every = {
        Tail(1, schedule, 0.05, rising, decay)
        for schedule in ("constant", "wsd")
        for rising in (None, 5)
        for decay in (0.1, 0.3)
    }
    assert {*found} == every - {Tail(1, "wsd", 0.05, 5, 0.1)} and len(found) == 7


def test_a_condition_holds_for_siblings_too() -> None:
    when = {
        "train.schedule=wsd": {"train.decay": "0.1,0.3"},
        "tune=lora": {"tune.rank": "4,8"},
    }
    words = ("train.schedule=constant,wsd", "tune=full,lora")
    found = siblings({"train.schedule": "constant", "tune": "lora", "tune.rank": 4}, *words, when=when)
    assert [(one.schedule, one.decay) for one in found] == [("wsd", 0.1), ("wsd", 0.3)]
    other = {"train.schedule": "wsd", "train.decay": 0.3, "tune": "full"}
    assert [(one.schedule, one.decay) for one in siblings(other, *words, when=when)] == [
        ("constant", 0.2),
        ("wsd", 0.1),
    ]


def test_a_setting_that_comes_with_an_end_makes_another_training() -> None:
    when = {"epochs=2": {"lr": "1e-4,1e-3"}}
    assert siblings({"epochs": 1}, "epochs=1,2", when=when) == []


def test_a_bundle_may_be_an_end() -> None:
    space, _ = parse(["+mix=full"], {"length": {"short": "epochs=1", "long": "epochs=4 train.decay=0.5"}}, {})
    (found,) = branching.siblings(space, {"length": "short"}, config())
    assert found == Tail(4, "cosine", 0.05, None, 0.5)


def test_of_an_interval_the_ends_are_taken_and_whole_epochs() -> None:
    words = ("epochs=interval(0.5,3.5)", "train.decay=interval(0.1,0.4)")
    found = siblings({"epochs": 2.25, "train.decay": 0.2}, *words)
    assert {(one.epochs, one.decay) for one in found} == {
        (epochs, decay) for epochs in (0.5, 1, 2, 3, 3.5) for decay in (0.1, 0.4)
    }
    many = siblings({"epochs": 4}, "epochs=int(interval(1,9999))")
    assert len(many) == branching.MOST - 1 and many[0].epochs == 9999


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("epochs=1,2",), ["train.schedule=cosine"]),
        (
            ("epochs=1,2", "train.schedule=linear,constant", "train.warmup_updates=3"),
            ["train.schedule=linear"],
        ),
        (("epochs=1,2", "train.schedule=constant"), ["train.warmup=0.05"]),
        (("epochs=1,2", "train.schedule=wsd", "train.warmup_updates=3,null"), ["train.warmup=0.05"]),
        (("epochs=1,2", "train.schedule=wsd", "train.warmup=0"), []),
        (("epochs=1,2", "train.schedule=constant", "train.warmup_updates=3"), []),
        (
            (
                *("epochs=1,2", "train.schedule=constant", "train.warmup_updates=3"),
                *("train.validation=0.1", "mix.records=100"),
            ),
            ["train.validation=0.1"],
        ),
        (("epochs=1,2", "study.share=false"), []),
        (("lr=1e-4,1e-3",), []),
    ],
)
def test_what_keeps_epochs_apart_is_named_with_what_to_set(words: tuple[str, ...], said: list[str]) -> None:
    space, fixed = parse(["+mix=full", *words], {}, {})
    found = branching.obstacles(space, config(*(word for word in fixed if word != "+mix=full")))
    assert [line.partition(" ")[0].rstrip(":") for line in found] == said
    assert all("With " in line and " gives all of them" in line for line in found)


def test_a_composed_configuration_has_a_tail() -> None:
    train = SimpleNamespace(schedule="cosine", warmup=0.05, warmup_updates=None, decay=0.2)
    assert Tail.of(SimpleNamespace(epochs=3, train=train)) == BASE == Tail.of(config())
