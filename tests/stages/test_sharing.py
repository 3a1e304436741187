"""Trainings that begin alike are trained once as far as they are, and end as if each had been alone."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from stage_helpers import Data, KilledError, Left, sharing, tail, train

from csft.stages import Promised, Tail
from csft.train import Checkpoints

ONE, TWO, THREE = CONSTANT = [tail(epochs) for epochs in (1, 2, 3)]  # 8 updates an epoch
# 16, 24, 24 and 16 updates, of which 10, 15, 20 and 16 have the rate that all have in the middle.
WSD = [tail(2, "wsd"), tail(3, "wsd"), tail(3, "wsd", 0.2), tail(2)]


def alone(tails: Sequence[Tail], folder: Path, **how: Any) -> dict[Tail, Left]:
    return {one: train(folder, one, **how) for one in tails}


def together(
    tails: Sequence[Tail], order: Sequence[int], folder: Path, data: Data, **how: Any
) -> dict[Tail, Left]:
    """One after the other, each with a sibling in all others."""
    return {
        tails[at]: train(folder, tails[at], sharing(folder, tails[at], tails, data), data=data, **how)
        for at in order
    }


def trained(found: dict[Tail, Left]) -> int:
    """Updates that were really computed."""
    return sum(len(one.log) for one in found.values())


@pytest.mark.parametrize(
    ("method", "tails", "orders", "updates"),
    [
        ("full", CONSTANT, [(0, 1, 2), (2, 1, 0)], 24),
        ("full", WSD, [(0, 1, 2, 3), (2, 1, 0, 3)], 20 + 4 + 9 + 6),
        ("lora", WSD, [(1, 3, 0, 2)], 20 + 4 + 9 + 6),
    ],
)
def test_each_ends_as_if_alone_in_whatever_order(
    tmp_path: Path, method: str, tails: list[Tail], orders: list[tuple[int, ...]], updates: int
) -> None:
    expected = alone(tails, tmp_path, method=method)
    for number, order in enumerate(orders):
        folder = tmp_path / str(number)
        found = together(tails, order, folder, Data(), method=method)
        assert all(found[one].same(expected[one]) for one in tails)
        assert trained(found) == updates
        assert not list((folder / ".stages" / "leases").iterdir())


@pytest.mark.parametrize("batching", ["grouped", "best_fit"])
def test_records_drawn_anew_are_told_by_what_they_are(tmp_path: Path, batching: str) -> None:
    data = Data(anew=True, batching=batching)  # so that row numbers depend on the number of epochs
    tails = [tail(0.6), tail(2.25, "wsd", 0.3), tail(1.5)]
    assert data.over(1)[0].chosen.tolist() != data.over(3)[0].chosen.tolist()
    expected = alone(tails, tmp_path, data=data)
    found = together(tails, (0, 1, 2), tmp_path, data)
    assert all(found[one].same(expected[one]) for one in tails)
    assert [found[one].begun for one in tails] == [
        0,
        *(len(expected[one].log) for one in (tails[0], tails[2])),
    ]


def test_what_begins_otherwise_shares_nothing(tmp_path: Path) -> None:
    train(tmp_path, THREE, sharing(tmp_path, THREE, CONSTANT))
    assert sharing(tmp_path, TWO).claim() is not None
    other = sharing(tmp_path, TWO, family="e" * 64)  # another seed, rate, cut-off, …
    assert other.claim() is None and other.promised() is None
    assert sharing(tmp_path, TWO, data=Data(anew=True)).claim() is None
    for unlike in (tail(2, "cosine"), Tail(2, "constant", 0.0, 3, 0.2), Tail(2, "constant", 0.3, None, 0.2)):
        assert sharing(tmp_path, unlike).claim() is None


def test_a_branch_that_is_killed_goes_on_as_if_alone(tmp_path: Path) -> None:
    longer = tail(3, "wsd")
    expected = train(tmp_path, longer)
    train(tmp_path, ONE, sharing(tmp_path, ONE, [longer]))
    own = Checkpoints(tmp_path / "own", "trial")
    shared = sharing(tmp_path, longer, CONSTANT)
    with pytest.raises(KilledError):
        train(tmp_path, longer, shared, own=own, die_at=13)
    start = own.latest()
    assert start and start.step == 12 and start.state["done"]["shared_updates"] == 8
    found = train(tmp_path, longer, sharing(tmp_path, longer, CONSTANT), own=own)
    assert found.begun == 12 and found.same(expected)
    at_decay = sharing(tmp_path, tail(2)).claim()  # which the second attempt kept
    assert at_decay and at_decay.step == 15  # type: ignore[union-attr]


@pytest.mark.parametrize("how", ["changed", "torn", "missing"])
def test_a_damaged_stage_is_passed_over_aloud(
    tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, THREE, sharing(tmp_path, THREE, WSD))
    (folder,) = (tmp_path / ".stages").glob("*/step-00000015-*")
    weights, marker = folder / "weights.safetensors", folder / "checkpoint.json"
    if how == "changed":
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    elif how == "torn":
        marker.write_text(marker.read_text()[:50])
    else:
        weights.unlink()
    found = train(tmp_path, WSD[1], sharing(tmp_path, WSD[1], WSD))
    assert found.begun == 10 and found.same(train(tmp_path, WSD[1]))
    assert f"stage {folder} is not used" in capsys.readouterr().out


def test_where_others_end_a_stage_is_their_weights(tmp_path: Path) -> None:
    expected = alone(CONSTANT, tmp_path)
    train(tmp_path, THREE, sharing(tmp_path, THREE, CONSTANT))
    stages = sorted((tmp_path / ".stages").glob("*/step-*"))
    assert [sorted(path.stem for path in folder.iterdir()) for folder in stages] == 2 * [
        ["checkpoint", "weights"]
    ]
    for one, begun in ((ONE, 8), (TWO, 16), (WSD[0], 0)):  # the last one has no whole state to go on from
        found = train(tmp_path, one, sharing(tmp_path, one))
        assert found.begun == begun and found.same(expected.get(one) or train(tmp_path, one))


def test_a_full_disk_costs_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    expected = train(tmp_path, TWO)
    with monkeypatch.context() as patch:
        patch.setattr("safetensors.torch.save_file", full)
        assert train(tmp_path, TWO, sharing(tmp_path, TWO, CONSTANT)).same(expected)
    assert "the stage of update 8 could not be written" in capsys.readouterr().out
    assert train(tmp_path, TWO, sharing(tmp_path, TWO, CONSTANT, most=1000)).same(expected)
    assert "no room for a stage of" in capsys.readouterr().out
    assert sharing(tmp_path, THREE).claim() is None


def test_a_trial_waits_for_one_that_trains_its_beginning(tmp_path: Path) -> None:
    first, second = (sharing(tmp_path, one, CONSTANT, trial=f"of {one.epochs}") for one in (TWO, THREE))
    assert first.claim() is None
    waits = second.claim()
    assert waits == Promised("of 2", 16) == second.promised() and "update 16 of of 2" in str(waits)
    assert sharing(tmp_path, ONE).claim() == Promised("of 2", 8)
    assert sharing(tmp_path, tail(2, "cosine")).claim() is None  # it shares nothing
    own = Checkpoints(tmp_path / "own", "trial").save(3, {}, {})
    assert sharing(tmp_path, THREE, CONSTANT).claim(own) is own  # what is under way does not wait
    first.save(8, {"weights": {"a": torch.zeros(2)}}, {"done": {"seconds": 3.0}})
    half = sharing(tmp_path, ONE).claim()
    assert half and half.state["done"] == {  # type: ignore[union-attr]
        "seconds": 3.0,
        "shared_updates": 8,
        "shared_seconds": 3.0,
        "shared_from": "of 2",
    }
    assert second.claim() == Promised("of 2", 16)
    first.end()  # it failed
    assert second.promised() is None
    assert second.claim() is None  # weights alone are no beginning
    assert second.points == {8: False, 16: False}


def test_nobody_waits_for_the_dead(tmp_path: Path) -> None:
    digest, leases = Data().route(ONE)[0].digest(8), tmp_path / ".stages" / "leases"
    code = (
        "import os, signal; from pathlib import Path; from csft.stages.leases import Lease, Promise\n"
        f"one = Lease(Path({str(leases)!r}), Promise({'f' * 64!r}, 'other', {{8: {digest!r}}}, ''))\n"
        "print('there', flush=True); input()\n"
    )
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    ) as process:
        assert process.stdout and process.stdout.readline() == b"there\n"
        assert sharing(tmp_path, ONE).claim() == Promised("other", 8)
        process.kill()
    (left,) = leases.glob("*.json")
    assert sharing(tmp_path, ONE).claim() is None
    assert not left.exists()


def test_nobody_waits_for_another_machine(tmp_path: Path) -> None:
    first = sharing(tmp_path, TWO, CONSTANT)
    assert first.claim() is None
    (lease,) = (tmp_path / ".stages" / "leases").glob("*.json")
    lease.write_text(json.dumps({**json.loads(lease.read_text()), "host": "elsewhere"}))
    assert sharing(tmp_path, THREE).claim() is None


def test_the_least_recently_used_makes_room(tmp_path: Path) -> None:
    def after(family: str) -> list[str]:
        """Families with a stage once this one has written its own, of 2 kB; there is room for two."""
        one = sharing(tmp_path, ONE, [TWO], family=family * 64, most=5000)
        assert one.claim() is None
        one.save(8, {"weights": {"a": torch.zeros(400)}}, {"done": {"seconds": 1.0}})
        one.end()
        return sorted(path.parent.name[0] for path in tmp_path.glob(".stages/*/step-*"))

    assert after("a") == ["a"] and after("b") == ["a", "b"]
    user = sharing(tmp_path, TWO, [THREE], family="a" * 64)
    start = user.claim()
    assert start and start.step == 8  # type: ignore[union-attr]
    torn = [tmp_path / ".stages" / (family * 16) / ".step-00000006.killed" for family in "ab"]
    for folder in torn:
        folder.mkdir()
    assert after("c") == ["a", "c"]
    assert [folder.exists() for folder in torn] == [True, False]  # somebody is at work in the first family
    assert after("d") == ["a", "d"]  # the older one is in use
    user.save(16, {}, {"done": {"seconds": 1.0}})  # so it is under way
    assert after("e") != ["a", "e"]
    user.end()
