"""Training that stops anywhere goes on as if it never had: the same bits."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from train_helpers import Logged, figures, run, some_rows, tiny

from csft import model
from csft.config import Train
from csft.errors import DivergedError, StoppedError, TrainingError
from csft.train import Checkpoints
from csft.train.updates import halves

SETTINGS = Train(batch=4, micro_batch=2, checkpoint_minutes=0)


def net_for(method: str) -> Any:
    return model.adapt(tiny(), method, rank=2, alpha=4, dropout=0.2 if method == "lora" else 0)


def weights(net: Any) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in net.named_parameters()}


class KilledError(Exception):
    """Stands for what nobody can catch."""


def kept(folder: Path, key: str = "trial", keep: int = 2) -> Checkpoints:
    return Checkpoints(folder / "checkpoints", key, keep)


def run_until(update: int, folder: Path, method: str, settings: Train = SETTINGS, **more: Any) -> Logged:
    """Train until that update is logged, then die in the middle of it."""
    log: Logged = []

    def dying(step: int, values: dict[str, float]) -> None:
        log.append((step, values))
        if step == update:
            raise KilledError

    with pytest.raises(KilledError):
        run(net_for(method), some_rows(), folder, settings, epochs=3, log=dying, **more)
    return log


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("update", [1, 3, 4, 8])  # of 9; an epoch has 3
def test_a_killed_training_goes_on_bit_for_bit(tmp_path: Path, method: str, update: int) -> None:
    whole_net = net_for(method)
    result, whole = run(whole_net, some_rows(), tmp_path, SETTINGS, epochs=3)
    first = run_until(update, tmp_path, method, checkpoints=kept(tmp_path))
    start = kept(tmp_path).latest()
    assert (start.step if start else 0) == update - 1  # that of `update` follows its row
    net = net_for(method)
    continued, rest = run(
        net, some_rows(), tmp_path, SETTINGS, epochs=3, checkpoints=kept(tmp_path), start=start
    )
    assert figures(first[:-1]) + figures(rest) == figures(whole)
    assert all(torch.equal(weight, weights(net)[name]) for name, weight in weights(whole_net).items())
    for name in ("updates", "tokens", "trained_tokens", "first_loss", "last_loss"):
        assert getattr(continued, name) == getattr(result, name)


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    net = net_for("full")
    result, _ = run(net, some_rows(), tmp_path, SETTINGS, epochs=3, checkpoints=kept(tmp_path))
    again = net_for("full")
    same, log = run(again, some_rows(), tmp_path, SETTINGS, epochs=3, start=kept(tmp_path).latest())
    assert log == [] and same == result
    assert all(torch.equal(weight, weights(again)[name]) for name, weight in weights(net).items())


@pytest.fixture
def heard() -> Iterator[None]:
    """Signals as a program in the foreground has them; tests may run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_at_the_last_finished_update(tmp_path: Path, sent: signal.Signals) -> None:
    before = signal.getsignal(sent)
    _, whole = run(net_for("lora"), some_rows(), tmp_path, SETTINGS, epochs=3)
    log: Logged = []

    def asked(step: int, values: dict[str, float]) -> None:
        log.append((step, values))
        if step == 4:
            signal.raise_signal(sent)

    never = Train(batch=4, micro_batch=2, checkpoint_minutes=None)
    with pytest.raises(StoppedError, match=f"{sent.name} after update 4 of 9") as stopped:
        run(net_for("lora"), some_rows(), tmp_path, never, epochs=3, log=asked, checkpoints=kept(tmp_path))
    assert stopped.value.status == 128 + sent
    assert signal.getsignal(sent) == before
    start = kept(tmp_path).latest()
    assert start is not None and start.step == 4
    _, rest = run(net_for("lora"), some_rows(), tmp_path, never, epochs=3, start=start)
    assert figures(log) + figures(rest) == figures(whole)


@pytest.mark.usefixtures("heard")
def test_a_second_signal_is_not_held_back(tmp_path: Path) -> None:
    def impatient(step: int, values: dict[str, float]) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(net_for("full"), some_rows(), tmp_path, SETTINGS, log=impatient)


def test_what_is_ignored_stays_ignored(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        result, _ = run(
            net_for("full"),
            some_rows(),
            tmp_path,
            SETTINGS,
            log=lambda step, values: signal.raise_signal(signal.SIGINT),
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert result.updates == 3


def spoil(folder: Path, how: str) -> None:
    file = folder / "weights.safetensors"
    if how == "torn":
        file.write_bytes(file.read_bytes()[:-7])
    elif how == "changed":
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    elif how == "missing":
        file.unlink()
    elif how == "marker-less":
        (folder / "checkpoint.json").unlink()
    elif how == "marker torn":
        (folder / "checkpoint.json").write_text((folder / "checkpoint.json").read_text()[:40])
    else:
        marker = json.loads((folder / "checkpoint.json").read_text())
        (folder / "checkpoint.json").write_text(json.dumps({**marker, "trial": "other"}))


@pytest.mark.parametrize("how", ["torn", "changed", "missing", "marker-less", "marker torn", "other trial"])
def test_a_spoilt_checkpoint_gives_way_to_the_one_before(
    tmp_path: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run_until(6, tmp_path, "full", checkpoints=kept(tmp_path))
    spoil(tmp_path / "checkpoints" / "step-00000005", how)
    found = kept(tmp_path).latest()
    assert found is not None and found.step == 4
    assert "step-00000005 is not used" in capsys.readouterr().out


def test_a_torn_checkpoint_is_written_over(tmp_path: Path) -> None:
    run_until(6, tmp_path, "full", checkpoints=kept(tmp_path))
    spoil(tmp_path / "checkpoints" / "step-00000005", "marker-less")
    run_until(6, tmp_path, "full", checkpoints=kept(tmp_path), start=kept(tmp_path).latest())
    found = kept(tmp_path).latest()
    assert found is not None and found.step == 5


def test_checkpoints_are_pruned_and_written_when_due(tmp_path: Path) -> None:
    settings = Train(batch=4, micro_batch=2, checkpoint_minutes=None, checkpoint_updates=2)
    run(net_for("full"), some_rows(), tmp_path, settings, epochs=3, checkpoints=kept(tmp_path, keep=3))
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step-00000006", "step-00000008", "step-00000009"]  # the last one is the end
    files = [{path.stem for path in (tmp_path / "checkpoints" / name).iterdir()} for name in names]
    assert files[2] == {"checkpoint", "weights"} and files[1] - files[2] == {"optimizer", "random"}


def test_an_unwritable_checkpoint_costs_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*given: Any) -> None:
        raise OSError(28, "No space left on device")

    _, whole = run(net_for("full"), some_rows(), tmp_path, SETTINGS)
    monkeypatch.setattr("safetensors.torch.save_file", full)
    _, log = run(net_for("full"), some_rows(), tmp_path, SETTINGS, checkpoints=kept(tmp_path))
    assert figures(log) == figures(whole)
    assert (
        "could not be written ([Errno 28] No space left on device); training goes on"
        in capsys.readouterr().out
    )
    assert kept(tmp_path).latest() is None


def test_another_trainings_weights_are_not_put_in(tmp_path: Path) -> None:
    run_until(3, tmp_path, "full", checkpoints=kept(tmp_path))
    with pytest.raises(TrainingError, match="holds other weights"):
        run(net_for("lora"), some_rows(), tmp_path, SETTINGS, epochs=3, start=kept(tmp_path).latest())


def test_a_gradient_that_is_not_finite_reaches_no_weight(tmp_path: Path) -> None:
    net = net_for("full")
    calls = []

    def spoiled(gradient: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return gradient * float("inf") if len(calls) == 5 else gradient  # 2 micro-batches an update

    net.model.norm.weight.register_hook(spoiled)
    with pytest.raises(DivergedError, match="gradient norm is inf at update 3") as diverged:
        run(net, some_rows(), tmp_path, SETTINGS, epochs=3, checkpoints=kept(tmp_path))
    assert diverged.value.update == 3 and diverged.value.last_loss is not None
    start = kept(tmp_path).latest()
    assert start is not None and start.step == 2
    assert all(bool(weight.isfinite().all()) for weight in net.parameters())


def memory_for(rows: int, net: Any) -> list[int]:
    """Make the net's GPU hold so many rows and no more; gives the rows of every pass."""
    passes: list[int] = []
    forward = net.model.forward

    def limited(*given: Any, **named: Any) -> Any:
        passes.append(len(named["input_ids"]))
        if passes[-1] > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(*given, **named)

    net.model.forward = limited
    return passes


def test_a_full_memory_halves_the_micro_batch_and_no_more(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Train(batch=8, micro_batch=8, checkpoint_minutes=0)
    _, whole = run(tiny(), some_rows(16), tmp_path, settings, epochs=2)
    net = tiny()
    passes = memory_for(3, net)
    result, log = run(net, some_rows(16), tmp_path, settings, epochs=2, checkpoints=kept(tmp_path))
    assert passes == [8, 4, *[2] * 16]
    assert result.halvings == 2
    assert [step for step, _ in log] == [1, 2, 3, 4]
    for (_, ours), (_, theirs) in zip(log, whole, strict=True):
        assert ours["train/loss"] == pytest.approx(theirs["train/loss"], abs=1e-5)
    assert capsys.readouterr().out.count("micro-batches are halved") == 2
    shutil.rmtree(tmp_path / "checkpoints" / "step-00000004")
    net = tiny()
    passes = memory_for(3, net)
    _, rest = run(net, some_rows(16), tmp_path, settings, epochs=2, start=kept(tmp_path).latest())
    assert passes == [2] * 4  # known from the checkpoint
    assert figures(rest) == figures(log)[3:]


def test_a_record_that_fills_the_memory_alone_stops_by_name(tmp_path: Path) -> None:
    net = tiny()
    memory_for(0, net)
    with pytest.raises(TrainingError, match=r"One record alone fills the memory of cpu.*train.micro_batch"):
        run(net, some_rows(), tmp_path, SETTINGS)


@pytest.mark.parametrize(
    ("micro_batch", "expected"),
    [
        ([[1], [2], [3]], [[[1], [2]], [[3]]]),
        ([[1, 2], [3]], [[[1, 2]], [[3]]]),
        ([[1, 2, 3]], [[[1, 2]], [[3]]]),
        ([[1]], [[[1]]]),
    ],
)
def test_a_micro_batch_is_halved_by_rows_then_by_records(micro_batch: Any, expected: Any) -> None:
    assert halves(micro_batch) == expected
