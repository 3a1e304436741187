"""Two processes train as one: the same losses, gradient norms and weights, sharded or not."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from train_helpers import figures, tiny
from training_along import trained

from csft.errors import SettingError
from csft.train import Checkpoints
from csft.train.sharding import _blocks

HERE = Path(__file__).parent
LIMIT_S = 300


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes left their figures and weights."""
    folder = tmp_path_factory.mktemp("along")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, str(HERE / "training_along.py"), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(HERE.parents[1])},
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return folder


@cache
def alone(case: str) -> tuple[Any, Any]:
    """What one process makes of the same case: the net and the figures."""
    with TemporaryDirectory() as folder:
        net, log = trained(case, Path(folder))
    return net, figures(log)


@pytest.fixture(params=["ddp", "fsdp"])
def together(request: pytest.FixtureRequest, both: Path) -> Path:
    return both / str(request.param)


def figures_of(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "figures.json").read_text())
    return told


@pytest.mark.parametrize("case", ["full", "lora", "tied", "gpt2"])
def test_two_processes_train_as_one(together: Path, case: str) -> None:
    net, ours = alone(case)
    theirs = figures_of(together)[case]
    assert len(theirs) == len(ours) == 6
    for (step, (loss, rate, norm, epoch)), (our_step, (our_loss, our_rate, our_norm, our_epoch)) in zip(
        theirs, ours, strict=True
    ):
        assert (step, rate, epoch) == (our_step, our_rate, our_epoch)
        assert loss == pytest.approx(our_loss, abs=1e-5)
        assert norm == pytest.approx(our_norm, abs=1e-4)
    weights = load_file(together / f"{case}.safetensors")
    for name, weight in net.named_parameters():
        torch.testing.assert_close(weights[name], weight.detach(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("case", ["full", "dropout"])
def test_processes_that_were_killed_go_on_bit_for_bit(together: Path, case: str) -> None:
    told = figures_of(together)
    assert told[f"{case} continued"] == told[case]
    assert len(told[case]) == 6


def test_one_process_goes_on_where_two_were_killed(together: Path, tmp_path: Path) -> None:
    start = Checkpoints(together / "full", "trial").latest()
    assert start is not None and start.step == 2
    _, rest = trained("full", tmp_path, start=start)
    whole = figures_of(together)["full"]
    for (step, values), (our_step, ours) in zip(whole[2:], figures(rest), strict=True):
        assert step == our_step
        assert values[0] == pytest.approx(ours[0], abs=1e-5)


def test_processes_agree_and_wait_for_the_first(both: Path) -> None:
    first, second = (json.loads((both / f"agreement-{rank}.json").read_text()) for rank in (0, 1))
    for told in (first, second):
        assert (told["agreed"], told["highest"], told["sum"]) == (0, 1, 2.0)
    assert (first["found"], second["found"]) == (False, True)
    assert not first["differs"]
    assert "process 1 has another trial than process 0" in second["differs"]


def test_a_net_that_does_not_name_its_layers_is_refused() -> None:
    net = tiny()
    net._no_split_modules = None
    with pytest.raises(SettingError, match=r"parallel=fsdp.*ddp with LlamaForCausalLM"):
        _blocks(net)
