"""Trials one after another in a warm worker: each is as it would be in a process of its own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from command import finish, start

from csft import compose, model, trial
from csft.config import Config
from csft.errors import DivergedError, PrunedError
from csft.model import warm
from csft.sample import base_model_path
from csft.watch import Watch

WORDS = (
    *("+mix=ner", "mix.max_records=48", "cutoff=96", "epochs=1.5", "train.batch=16", "train.micro_batch=8"),
    *("exam.per_sub_exam=1", "exam.test=false", "chat.answers=1", "chat.max_new_tokens=8"),
    *("tracker=none", "site.threads=1", "train.save=false"),
)
METHODS = {"full": ("tune=full", "lr=0.002"), "lora": ("tune=lora", "tune.dropout=0.1", "lr=0.01")}
pytestmark = pytest.mark.slow
SHOWN = ("train/loss", "train/grad_norm", "train/lr", "cmb/select/total")  # of metrics: no times, no speeds


class Hopeless(Watch):
    """Gives a trial up in the middle of its training."""

    def updated(self, done: int, of: int, epoch: float) -> None:
        if done == 2:
            raise PrunedError(epoch, 25.0)


def config(output: Path, *words: str) -> Config:
    return compose.from_overrides([*WORDS, *words, f"output={output}"])


def told(folder: Path) -> dict[str, Any]:
    """Everything of a run folder that training and exams decide, to the last bit."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    metrics = [{key: row[key] for key in SHOWN if key in row} for row in map(json.loads, lines)]
    answers = {path.name: path.read_text() for path in folder.glob("*.jsonl") if path.name != "metrics.jsonl"}
    result = json.loads((folder / "result.json").read_text())["result"]
    scores = {key: result[key] for key in ("scores", "base", "chat", "base_chat", "drawn")}
    assert len(metrics) > 3 and {"predictions-select.jsonl", "chat.jsonl"} <= answers.keys()
    return {"metrics": metrics, **answers, **scores}


def numbers(net: Any) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in [*net.named_parameters(), *net.named_buffers()]}


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Path]]]:
    """Of a worker that has seen trials of all kinds end in all ways; of processes with one trial each."""
    mine = tmp_path_factory.mktemp("worker")
    alone = {method: tmp_path_factory.mktemp(method) for method in METHODS}
    with pytest.MonkeyPatch.context() as patch, warm.keeping():
        patch.setenv("CSFT_CACHE", str(mine / "cache"))
        trial.run(config(mine, "tune=full", "lr=0.01", "cutoff=32", "seed=7"))
        started = [
            start(*WORDS, *words, output=alone[method], cache=mine / "cache")
            for method, words in METHODS.items()
        ]
        trial.run(config(mine, "tune=lora", "tune.rank=4", "tune.dora=true", "epochs=0.5"))
        with pytest.raises(DivergedError):
            trial.run(config(mine, "tune=full", "lr=1e30"))
        with pytest.raises(PrunedError):
            trial.run(config(mine, "tune=lora", "lr=0.1"), Hopeless())
        for process, output in zip(started, alone.values(), strict=True):
            done = finish(process, output)
            assert done.status == 0, done.err[-2000:]
        yield mine, alone


@pytest.mark.parametrize("method", METHODS)
def test_a_trial_after_others_equals_the_same_trial_in_a_process_of_its_own(
    method: str, outputs: tuple[Path, dict[str, Path]]
) -> None:
    mine, alone = outputs
    base = warm.kept()
    assert base is not None
    before = numbers(base.net)
    here = trial.run(config(mine, *METHODS[method])).folder
    assert warm.kept() is base and equal(before, numbers(base.net)), "the trial changed the base"
    assert told(here) == told(next(alone[method].glob("*/ner-*")))
    fresh, _ = model.load(base_model_path(), str(base.net.config._attn_implementation))
    assert equal(numbers(base.net), numbers(fresh))
