"""Plain values, and secrets that must not reach a file."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from csft.track.values import HIDDEN, clean, flatten, numbers, plain, secrets


@dataclass(frozen=True)
class Settings:
    lr: float
    root: Path


def test_numpy_dataclasses_and_odd_floats_become_json_and_come_back():
    value = {
        "a": np.float64(1.5),
        "b": np.int64(2),
        "c": [math.nan, math.inf, -math.inf],
        "d": Settings(2e-5, Path("x/y")),
    }
    stored = plain(value)
    assert stored == {
        "a": 1.5,
        "b": 2,
        "c": ["NaN", "Infinity", "-Infinity"],
        "d": {"lr": 2e-5, "root": "x/y"},
    }
    assert type(stored["a"]) is float and type(stored["b"]) is int
    again = numbers(stored)
    assert math.isnan(again["c"][0]) and again["c"][1:] == [math.inf, -math.inf]


def test_a_torch_scalar_is_a_number():
    torch = pytest.importorskip("torch")
    assert plain(torch.tensor(2.5)) == 2.5


def test_what_json_cannot_hold_is_named():
    with pytest.raises(TypeError, match="a object cannot be stored"):
        plain({"x": object()})


def test_flat_names():
    assert flatten({"mix": {"datasets": {"cmb": 1.0}, "none": {}}, "lr": 1}) == {
        "mix.datasets.cmb": 1.0,
        "mix.none": {},
        "lr": 1,
    }


@pytest.mark.parametrize(
    "name", ["WANDB_API_KEY", "HF_TOKEN", "DB_PASSWORD", "AWS_SECRET_ACCESS_KEY", "my_apikey"]
)
def test_values_of_variables_named_like_keys_are_hidden_wherever_they_stand(monkeypatch, name):
    monkeypatch.setenv(name, "s3cr3t-value-1")
    assert clean({"deep": [{"text": "uses s3cr3t-value-1 here"}]}) == {
        "deep": [{"text": f"uses {HIDDEN} here"}]
    }


def test_ordinary_variables_and_settings_are_left_alone(monkeypatch):
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false-or-true")
    monkeypatch.setenv("SHORT_KEY", "true")
    config = {
        "a": "false-or-true",
        "b": "true",
        "batch_tokens": 8192,
        "tokenizer": "x",
        "key": "answers.json",
    }
    assert clean(config) == config


@pytest.mark.parametrize("field", ["api_key", "tracker.api_key", "hf_token", "password", "wandb_api_key"])
def test_texts_under_telling_names_are_hidden(field):
    assert clean({field: "abc", "n": 1}) == {field: HIDDEN, "n": 1}
    assert clean({field: None}) == {field: None}


def test_the_password_of_a_storage_address_is_hidden():
    address = "postgresql+psycopg://me:hunter2@db:5432/studies"
    assert clean(address) == f"postgresql+psycopg://me:{HIDDEN}@db:5432/studies"
    assert clean("sqlite:///outputs/studies.db") == "sqlite:///outputs/studies.db"


def test_netrc_passwords_are_secrets(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine api.wandb.ai\n  login user\n  password 0123456789abcdef\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert "0123456789abcdef" in secrets()
    (tmp_path / "netrc").write_text("nonsense {{{")
    assert "0123456789abcdef" not in secrets()
