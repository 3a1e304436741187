"""What a study tries first."""

from typing import Any

import pytest

from csft.errors import SettingError
from csft.study.space import parse
from csft.study.starting import points

LAPTOP = {"lr": 2e-3, "cutoff": 512, "site": {"name": "laptop"}, "mix": {"temperature": 1.0, "name": "full"}}
H100 = {**LAPTOP, "lr": 3e-5, "site": {"name": "h100"}}


@pytest.mark.parametrize(
    ("params", "base", "expected", "why"),
    [
        (
            {"cutoff": "256,512,1024", "epochs": "1,3,5", "lr": "1e-5,2e-5,2e-3"},
            H100,
            {"cutoff": 1024, "epochs": 3, "lr": 2e-5},
            "the paper's setting",
        ),
        ({"lr": "1e-5,2e-5,2e-3"}, LAPTOP, {"lr": 2e-3}, "the paper's setting"),
        ({"+mix": "exam,full,paper"}, H100, {"mix": "paper"}, "the paper's setting"),
        ({"+mix": "exam,full"}, H100, {"mix": "full"}, "the paper's setting"),
        ({"+mix": "[qa,ner],exam"}, H100, {"mix": "[qa,ner]"}, "the paper's setting"),
        (
            {"cutoff": "256,512", "tune": "lora,qlora"},
            H100,
            {"cutoff": 512, "tune": "lora"},
            "the paper's setting; cutoff=1024 is not in this space; 512 is taken; "
            "tune=full is not in this space; lora is taken",
        ),
        (
            {"mix.datasets.cmb": "interval(0,4)", "mix.temperature": "1,3,inf"},
            H100,
            {"mix.datasets.cmb": 1.0, "mix.temperature": "1"},
            "the paper's setting",
        ),
        (
            {"train.batch": "16,32", "train.schedule": "linear,cosine"},
            H100,
            {"train.batch": 32, "train.schedule": "cosine"},
            "the paper's setting",
        ),
        ({}, H100, {}, "the one setting there is"),
    ],
)
def test_the_papers_setting_comes_first(params: Any, base: Any, expected: Any, why: str) -> None:
    searched, _ = parse([] if "+mix" in params else ["+mix=full"], params, {})
    assert points(searched, base, []) == [(expected, why)]


def test_then_what_the_user_asks_for_each_setting_once() -> None:
    searched, _ = parse(["cutoff=256,512,1024", "lr=tag(log,interval(1e-4,1e-2))"], {}, {})
    start = ["cutoff=512", "cutoff=1024 lr=2e-3", "lr=1 cutoff=400 epochs=9"]
    assert points(searched, LAPTOP, start) == [
        ({"cutoff": 1024, "lr": 2e-3}, "the paper's setting"),
        ({"cutoff": 512, "lr": 2e-3}, "study.start: cutoff=512"),
        (
            {"cutoff": 512, "lr": 1e-2},
            "study.start: lr=1 cutoff=400 epochs=9; cutoff=400 is not in this space; 512 is taken; "
            "lr=1 is not in this space; 0.01 is taken; epochs=9 is not swept",
        ),
    ]


@pytest.mark.parametrize("start", ["", "cutoff", "cutoff=256,512", "cutoff=oops(1)"])
def test_a_text_that_is_no_setting_is_refused(start: str) -> None:
    searched, _ = parse(["cutoff=256,512,1024"], {}, {})
    with pytest.raises(SettingError):
        points(searched, LAPTOP, [start])
