"""The training benchmarks run, and compare what they say they compare."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from csft import model, sample

BENCH = Path(__file__).resolve().parents[1] / "bench"


@pytest.fixture(scope="module", autouse=True)
def bench() -> Iterator[None]:
    sys.path.append(str(BENCH))
    yield
    sys.path.remove(str(BENCH))


def given(folder: Path, batching: str, tune: str) -> Path:
    """Settings to train the shipped tiny model on ten records of unlike length."""
    records = [{"instruction": "头痛" * n, "input": "", "output": "休息。" * (n + 1)} for n in range(1, 11)]
    (folder / "records.json").write_text(json.dumps(records))
    if tune == "lora" and not (folder / "adapter").exists():
        net = model.load_net(sample.base_model_path())
        model.save_adapter(model.adapt(net, "lora", 2, 4), folder / "adapter")
    settings = {"model": str(sample.base_model_path()), "records": str(folder / "records.json")}
    settings |= {"adapter": str(folder / "adapter"), "attention": "auto", "tune": tune, "batching": batching}
    numbers = {"cutoff": 1024, "batch": 4, "micro_batch": 4, "lr": 1e-3, "warmup": 0.0}
    (folder / "settings.json").write_text(json.dumps({**settings, **numbers}))
    return folder / "settings.json"


@pytest.mark.parametrize("tune", ["full", "lora"])
def test_an_update_without_padding_has_the_loss_of_the_padded_one(tmp_path: Path, tune: str) -> None:
    import training_csft

    def figures(batching: str) -> Any:
        training_csft.main(given(tmp_path, batching, tune), tmp_path / "figures.json")
        return json.loads((tmp_path / "figures.json").read_text())

    padded, joined, own = (figures(batching) for batching in ("in_order", "joined", "best_fit"))
    assert joined["loss"] == pytest.approx(padded["loss"], abs=1e-4)
    assert joined["digest"] == padded["digest"]
    assert len(joined["loss"]) == 3 > len(own["loss"])
    assert joined["tokens"] == own["tokens"] and joined["trained_tokens"] == own["trained_tokens"]
    assert joined["loss"][-1] < joined["loss"][0] and min(joined["grad_norm"]) > 0


def test_rows_are_packed_and_digested_as_llamafactory_lays_them_out(tmp_path: Path) -> None:
    import training_csft

    training_csft.main(given(tmp_path, "peer_rows", "full"), tmp_path / "figures.json")
    found = json.loads((tmp_path / "figures.json").read_text())
    training_csft.main(given(tmp_path, "joined", "full"), tmp_path / "figures.json")
    assert (
        found["rows"] < 10
        and found["digest"] != json.loads((tmp_path / "figures.json").read_text())["digest"]
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "equal"),
        ({"loss": [3.0, 2.5]}, "NOT EQUAL"),
        ({"digest": "b"}, "OTHER RECORDS"),
        ({"loss": [3.0]}, "OTHER RECORDS"),
    ],
)
def test_losses_are_compared_update_by_update(changes: dict[str, Any], told: str) -> None:
    import measure
    import training

    side = next(side for side in training.SIDES if side.same_updates)
    theirs = measure.Run(1, 1, 1, 0, {"digest": "a", "loss": [3.0, 2.0]})
    ours = measure.Run(1, 1, 1, 0, {"digest": "a", "loss": [3.0, 2.00001], **changes})
    assert training._compared(side, ours, [theirs]).startswith(told)


def test_overhead_is_what_the_model_does_not_use() -> None:
    import overhead

    given = overhead._arguments(["--batch", "2", "--length", "16", "--updates", "3"])
    work = overhead._once(given, 32, 1)
    assert len(work.updates) == 3 + overhead.WARM_UP
    assert len(work.shares()) == 3 and all(0 < share < 1 for share in work.shares())
    assert all(seconds > 0 for _, seconds in work.updates)


@pytest.mark.parametrize(
    ("tune", "attention"),
    [("full", "varlen"), ("lora", "sdpa"), ("full", "plain"), ("lora", "plain")],
)
def test_the_gpu_benchmark_runs_on_a_tiny_shape(tmp_path: Path, tune: str, attention: str) -> None:
    import gpu
    import gpu_one
    import measure

    found = gpu_figures(tmp_path, tune, attention)
    assert len(found["seconds"]) == len(found["tokens"]) == 3
    assert len(found["loss"]) == 3 + gpu_one.WARM_UP
    assert found["loss"][-1] < found["loss"][0] and min(found["grad_norm"]) > 0
    row = gpu._row(
        f"64 {tune} {attention}", measure.Run(1, 1, 1, 0, found), gpu._arguments(["--shape", "tiny"])
    )
    assert len(row) == len(gpu.HEADER) and row[5] == "" and row[4] > 0


def test_what_is_not_installed_is_passed_over_by_name(tmp_path: Path) -> None:
    assert "FlashAttention2" in gpu_figures(tmp_path, "full", "flash_attention_2")["skipped"]


def gpu_figures(folder: Path, tune: str, attention: str) -> Any:
    import gpu_one

    settings = {"device": "cpu", "shape": "tiny", "cutoff": 64, "tune": tune, "attention": attention}
    numbers = {
        "update_tokens": 256,
        "micro_tokens": 128,
        "updates": 3,
        "gradient_checkpointing": tune == "full",
    }
    (folder / "settings.json").write_text(json.dumps({**settings, **numbers}))
    gpu_one.main(folder / "settings.json", folder / "figures.json")
    return json.loads((folder / "figures.json").read_text())
