"""A base in memory: what trials get of it shares no more than it may, and what is kept is what was loaded."""

import math
import weakref
from typing import Any

import pytest
import torch

from csft import model
from csft.errors import ModelError
from csft.model import warm
from csft.model.shells import copy, shell
from csft.sample import base_model_path


def numbers(net: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in [*net.named_parameters(), *net.named_buffers()]}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_base_is_kept_for_its_key_and_freed_for_another() -> None:
    reads: list[str] = []

    def load(name: str) -> Any:
        reads.append(name)
        return model.load(base_model_path())

    assert warm.base("a", lambda: load("outside")).net_for("full", 0).how == warm.LOADED
    assert warm.kept() is None
    with warm.keeping():
        first = warm.base("a", lambda: load("a"))
        assert (
            first.net_for("lora", 0).how == warm.LOADED and first.net_for("full", math.inf).how == warm.KEPT
        )
        held = weakref.ref(first.net)
        assert warm.base("a", lambda: load("a again")) is first and first.bytes_on("cpu") == 4 * 1_165_536
        del first
        warm.base("b", lambda: load("b"))
        assert held() is None
    assert warm.kept() is None and reads == ["outside", "a", "b"]


def test_where_memory_is_short_a_full_tuning_gets_the_base_itself_and_says_so() -> None:
    with warm.keeping():
        base = warm.base("a", lambda: model.load(base_model_path()))
        adapters = base.net_for("lora", 0).net
        net, how = base.net_for("full", 1e6)
        assert "0.0047 GB" in how and "later trials load them anew" in how and warm.kept() is None
        assert (
            net.lm_head.weight.data_ptr() != adapters.lm_head.weight.data_ptr()
        )  # which others compute with
        with pytest.raises(ModelError, match="given to a trial"):
            _ = base.net
        assert warm.base("a", lambda: model.load(base_model_path())) is not base


def test_shells_share_numbers_and_nothing_else_and_copies_share_nothing() -> None:
    net, _ = model.load(base_model_path())
    before = numbers(net)
    around, apart = shell(net), copy(net)
    assert equal(before, numbers(around)) and equal(before, numbers(apart))
    for mine, theirs, own in zip(net.parameters(), around.parameters(), apart.parameters(), strict=True):
        assert mine is not theirs and mine.data_ptr() == theirs.data_ptr() != own.data_ptr()
    around.requires_grad_(False).to(torch.bfloat16)
    around.config.use_cache = not net.config.use_cache
    with torch.no_grad():
        for own in apart.parameters():
            own.add_(1)
    assert equal(before, numbers(net)) and all(one.requires_grad for one in net.parameters())
    assert around.config.use_cache != net.config.use_cache
    with pytest.raises(ModelError, match="no base for others"):
        shell(model.adapt(shell(net), "lora"))


def test_on_a_gpu_a_full_tuning_starts_from_main_memory_and_adapters_from_the_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A GPU in name alone: what is copied where."""
    copied: list[str | None] = []

    def noting(net: Any, device: str | None = None) -> Any:
        copied.append(device)
        return copy(net)

    monkeypatch.setattr(warm, "copy", noting)
    loaded = model.load(base_model_path())
    before = numbers(loaded[0])
    with warm.keeping():
        base = warm.base("a", lambda: loaded)
        base.device = torch.device("cuda")
        assert base.net_for("full", math.inf).net is loaded[0] and copied == ["cpu"]
        again = base.net_for("full", 0).net
        assert copied == ["cpu", "cuda"] and equal(before, numbers(again))
        adapters = base.net_for("lora", 0).net
        assert copied[2:] == ["cuda"] and equal(before, numbers(adapters))
        assert base.net_for("full", 0).net is not base.net and copied[3:] == ["cuda"]
