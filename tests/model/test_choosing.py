"""Device, number format and attention: chosen, kept, or refused with what to install."""

import subprocess
import sys

import pytest

from csft import model
from csft.errors import ModelError, SettingError
from csft.model import choosing


@pytest.fixture
def gpu(monkeypatch):
    """Pretend a GPU of a generation, with some flash-attention packages."""

    def pretend(generation: int, *packages: str) -> None:
        monkeypatch.setattr(choosing, "_gpu", lambda device: (generation, "a GPU"))
        monkeypatch.setattr(choosing, "_installed", lambda check: check in packages)
        monkeypatch.setattr(choosing, "_in_torch", lambda: "torch" in packages)

    return pretend


def test_auto_on_this_machine():
    import torch

    device = model.choose_device("auto")
    assert device == ("cuda" if torch.cuda.is_available() else "cpu")
    assert model.choose_dtype("auto", "cpu") == "float32"
    assert model.choose_dtype("float16", "cpu") == "float16"
    chosen, reason = model.choose_attention("auto", "cpu")
    assert chosen == "sdpa_varlen" and "one by one" in reason and "CUDA" in reason


@pytest.mark.parametrize(
    ("generation", "packages", "chosen"),
    [
        (8, ["is_flash_attn_2_available"], "flash_attention_2"),
        (9, ["is_flash_attn_2_available", "is_flash_attn_3_available"], "flash_attention_3"),
        (8, ["is_flash_attn_3_available"], "sdpa"),
        (7, ["is_flash_attn_2_available"], "sdpa"),
        (9, ["is_flash_attn_4_available", "torch"], "flash_attention_4"),
        (8, ["is_flash_attn_4_available", "torch"], "sdpa_varlen"),
        (9, ["torch"], "sdpa_varlen"),
        (7, ["torch"], "sdpa"),
        (9, [], "sdpa"),
    ],
)
def test_auto_takes_what_the_gpu_and_the_packages_allow(gpu, generation, packages, chosen):
    gpu(generation, *packages)
    implementation, reason = model.choose_attention("auto", "cuda", "bfloat16")
    assert implementation == chosen
    assert reason
    if chosen != "sdpa":
        assert model.choose_attention("flash", "cuda:0")[0] == chosen
        assert model.choose_attention(chosen, "cuda:0")[0] == chosen


@pytest.mark.parametrize("name", ["varlen", "sdpa", "eager"])
def test_a_name_is_kept_and_understood_again(name):
    chosen, reason = model.choose_attention(name, "cpu", "float32")
    assert reason == "as asked" and chosen == {"varlen": "sdpa_varlen"}.get(name, name)
    assert model.choose_attention(chosen, "cpu", "float32") == (chosen, reason)
    with pytest.raises(
        SettingError, match=r"attention=flex cannot be used.*auto, flash, varlen, sdpa, eager"
    ):
        model.choose_attention("flex", "cpu")


def test_without_a_package_it_says_how_to_install_one(gpu):
    gpu(9, "torch")
    for asked in ("auto", "flash"):
        chosen, reason = model.choose_attention(asked, "cuda", "bfloat16")
        assert chosen == "sdpa_varlen" and "torch's own" in reason and "pip install flash-attn" in reason
    assert model.choose_attention("auto", "cuda", "float32")[0] == "sdpa"


def test_flash_stops_with_what_is_missing(gpu):
    with pytest.raises(ModelError, match=r"needs a CUDA GPU, the device is cpu. Or set attention=sdpa"):
        model.choose_attention("flash", "cpu")
    gpu(9)
    with pytest.raises(ModelError, match="pip install flash-attn --no-build-isolation"):
        model.choose_attention("flash", "cuda")
    gpu(7, "is_flash_attn_2_available")
    with pytest.raises(ModelError, match="needs an Ampere GPU or newer"):
        model.choose_attention("flash", "cuda")
    gpu(9, "is_flash_attn_2_available")
    with pytest.raises(ModelError, match="not float32"):
        model.choose_attention("flash", "cuda", "float32")


def test_the_packages_are_asked_for_by_names_transformers_knows():
    from transformers import utils

    assert [check for _, check, *_ in choosing._FLASH if not hasattr(utils, check)] == []
    assert choosing._installed("is_flash_attn_99_available") is False


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cuda:", "cuda:x", ""])
def test_a_device_that_is_not_there(device):
    with pytest.raises(SettingError, match=f"device={device} cannot be used. Allowed: one of auto, cpu"):
        model.choose_device(device)


def test_the_second_of_two_gpus(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert model.choose_device("auto") == "cuda"
    assert model.choose_device("cuda:1") == "cuda:1"
    with pytest.raises(SettingError, match="cuda:0, cuda:1"):
        model.choose_device("cuda:2")


def test_importing_the_room_is_instant():
    code = "import sys, csft.model; print([m for m in ('torch', 'transformers', 'peft') if m in sys.modules])"
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"
