"""Which of several processes this is, before any of them is met."""

import pytest

from csft.errors import SettingError
from csft.ranks import ALONE, Ranks, give_way, join, leads


@pytest.mark.parametrize(
    ("kind", "device", "environment", "message"),
    [
        (
            "none",
            "cpu",
            {"WORLD_SIZE": "2", "RANK": "0"},
            r"parallel=none.*ddp \| fsdp, where torchrun starts 2",
        ),
        ("fsdp", "cpu", {}, "parallel=fsdp.*torchrun --standalone.*parallel=fsdp"),
        ("ddp", "cuda:1", {"WORLD_SIZE": "2", "RANK": "0"}, "site.device=cuda:1.*auto"),
    ],
)
def test_torchrun_and_the_setting_have_to_fit(
    monkeypatch: pytest.MonkeyPatch, kind: str, device: str, environment: dict[str, str], message: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingError, match=message):
        join(kind, device)


def test_a_process_alone_needs_nobody() -> None:
    assert join("none", "auto") is ALONE
    assert leads() and ALONE.leads
    assert ALONE.agree("word") == "word" and ALONE.highest(3) == 3 and not ALONE.any(False)
    ALONE.check_alike("trial", "a")
    with ALONE.in_turn():
        ALONE.wait()
    give_way()


def test_each_process_has_its_gpu_and_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    ranks = Ranks("fsdp", 11, 16)
    assert ranks.device("cuda") == "cuda:3" and ranks.device("cpu") == "cpu"
    assert (ranks.threads(32), ranks.threads(4)) == (4, 1)
    assert ALONE.device("cuda") == "cuda" and ALONE.threads(32) == 32
    assert not ranks.leads


def test_who_leads_is_known_before_anyone_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    assert not leads()
