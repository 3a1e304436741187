"""Rates follow closed formulas, position by position."""

import json
import math
from collections.abc import Callable

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from csft.config import Config, Mix, Model, Train, check
from csft.errors import SettingError
from csft.train import schedules

LR = 3e-4
Rate = Callable[[int, int, int, int], float]  # position, updates, warm-up, decay

FORMULAS: dict[str, Rate] = {
    "cosine": lambda at, updates, warm, _: 0.5 * (1 + math.cos(math.pi * (at - warm) / (updates - warm))),
    "linear": lambda at, updates, warm, _: (updates - at) / (updates - warm),
    "constant": lambda *_: 1.0,
    "wsd": lambda at, updates, _, falling: (
        1.0 if at < updates - falling else 1 - math.sqrt((at - updates + falling) / falling)
    ),
}


def settings(name: str, warmup: float = 0.0, decay: float = 0.0, rising: int | None = None) -> Train:
    return Train(schedule=name, warmup=warmup, decay=decay, warmup_updates=rising)


def scheduled(chosen: Train, updates: int) -> tuple[torch.optim.Optimizer, LambdaLR]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    return optimizer, schedules.build(optimizer, chosen, updates)


def rates(chosen: Train, updates: int) -> list[float]:
    """What the optimiser is given, update by update."""
    optimizer, schedule = scheduled(chosen, updates)
    found = []
    for _ in range(updates):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert schedules.rates(chosen, LR, updates).tolist() == found
    return found


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize(
    ("updates", "warmup", "decay", "warm", "falling"),
    [
        (40, 0.05, 0.2, 2, 8),
        (40, 0.0, 0.0, 0, 0),
        (41, 0.03, 0.1, 2, 5),
        (1, 0.0, 0.5, 0, 1),
        (1, 0.5, 0.5, 1, 0),
        (3, 1.0, 0.0, 3, 0),
        (7, 0.5, 0.5, 4, 3),  # 3.5 and 3.5, both rounded up
    ],
)
def test_rates_follow_their_formula(
    name: str, updates: int, warmup: float, decay: float, warm: int, falling: int
) -> None:
    expected = [
        LR * (at / warm if at < warm else FORMULAS[name](at, updates, warm, falling)) for at in range(updates)
    ]
    assert rates(settings(name, warmup, decay), updates) == pytest.approx(expected, rel=1e-12, abs=1e-18)


@pytest.mark.parametrize("name", ["constant", "wsd"])
def test_a_longer_run_starts_as_a_shorter_one(name: str) -> None:
    short, long = (rates(settings(name, 0.5, 0.25, rising=4), updates) for updates in (20, 40))
    assert long[:15] == short[:15]
    assert short[:15] == rates(settings(name, 0.2, 0.25), 20)[:15]  # four updates as well


@pytest.mark.parametrize("name", FORMULAS)
def test_a_training_may_end_while_it_warms_up(name: str) -> None:
    assert rates(settings(name, decay=0.5, rising=10), 4) == [LR * at / 10 for at in range(4)]


@pytest.mark.parametrize("name", FORMULAS)
def test_a_schedule_goes_on_from_its_state(name: str) -> None:
    optimizer, schedule = scheduled(settings(name, 0.2, 0.4), 12)
    for _ in range(5):
        optimizer.step()
        schedule.step()
    kept = json.loads(json.dumps(schedule.state_dict()))
    for other in (settings(name, 0.2, 0.4), settings("linear", 0.0)):  # its own state, or another's
        again, resumed = scheduled(other, 12)
        resumed.load_state_dict(kept)
        schedules.go_on(resumed)
        found = [again.param_groups[0]["lr"]]
        again.step()
        resumed.step()
        assert [*found, again.param_groups[0]["lr"]] == rates(other, 12)[5:7]


def test_overlapping_warm_up_and_decay_stop_by_name() -> None:
    mix = Mix(datasets={"cmb": 1})
    with pytest.raises(SettingError, match=r"train\.decay=0\.7 .* at most 0\.6 beside train\.warmup=0\.4"):
        check(Config(mix=mix, model=Model(path="."), train=Train(schedule="wsd", warmup=0.4, decay=0.7)))
    given = Train(schedule="wsd", warmup=0.4, decay=0.7, warmup_updates=5)  # which stands for the share
    check(Config(mix=mix, model=Model(path="."), train=given))
    # cosine has no decay of its own
    check(Config(mix=mix, model=Model(path="."), train=Train(schedule="cosine", warmup=0.4, decay=0.7)))


def test_an_unknown_schedule_stops_by_name() -> None:
    with pytest.raises(SettingError, match=r"cosine \| linear \| constant \| wsd"):
        rates(settings("step"), 10)
