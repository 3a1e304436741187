"""The validation split."""

import json
from pathlib import Path

import pytest

from csft.data.validation import validation_split
from csft.errors import SettingError


def test_equals_llamafactory_on_every_reference_split(shared: Path) -> None:
    lines = (shared / "parity" / "llamafactory_split.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 42
    for line in map(json.loads, lines):
        train, validation = validation_split(line["n"], line["val_size"], line["seed"])
        assert train[:50].tolist() == line["train_head"]
        assert validation[:400].tolist() == line["validation"]
        assert len(validation) == line["n_validation"]
        assert sorted([*train.tolist(), *validation.tolist()]) == list(range(line["n"]))


def test_from_one_on_it_is_a_number_of_records() -> None:
    assert len(validation_split(10, 1)[1]) == 1
    assert len(validation_split(10, 3.0)[1]) == 3


@pytest.mark.parametrize("value", [0, -0.1, 1.5, True, float("nan"), float("inf"), 10, 0.95])
def test_a_size_that_cannot_be_is_refused(value: float) -> None:
    with pytest.raises(SettingError, match="val_size="):
        validation_split(10, value)
