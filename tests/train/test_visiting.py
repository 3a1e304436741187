"""Visits between updates: when they come, and that training is as if nobody had."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_continuing import kept, net_for, weights
from train_helpers import figures, in_order, run, some_rows
from transformers import LlamaForCausalLM

from csft.config import Train
from csft.train import Epochs, Visit, rung

SETTINGS = Train(batch=4, micro_batch=2, checkpoint_minutes=None)


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (1.0, {4: 1, 8: 2}),
        (0.5, {2: 1, 4: 2, 6: 3, 8: 4, 10: 5}),
        (0.1, {1: 2, 2: 5, 3: 7, 4: 10, 5: 12, 6: 15, 7: 17, 8: 20, 9: 22, 10: 25}),
        (0.3, {2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 8: 6, 9: 7, 10: 8}),
        (1.1, {5: 1, 9: 2}),
        (2.5, {10: 1}),
        (3.0, {}),
    ],
)
def test_the_exam_due_after_an_update(every: float, expected: dict[int, int]) -> None:
    passed = [update / 4 for update in range(11)]  # 4 updates an epoch
    due = {update: rung(passed[update - 1], passed[update], every) for update in range(1, 11)}
    assert {update: number for update, number in due.items() if number} == expected


def test_epochs_of_different_sizes_are_visited_at_their_ends(tmp_path: Path) -> None:
    sizes = [3, 1, 2]
    plan = Epochs(lambda epoch: [[[[0]]]] * sizes[epoch], 2.5)
    assert [plan.passed(update) for update in range(1, 6)] == [1 / 3, 2 / 3, 1.0, 2.0, 2.5]
    settings = Train(batch=1, micro_batch=1, checkpoint_minutes=None)
    seen: list[Any] = []
    one = in_order([[0]], settings)(0)
    visit = Visit(every=1.0, at_rung=lambda *place: seen.append(place))
    run_plan(tmp_path, settings, lambda epoch: one * sizes[epoch], visit)
    assert seen == [(1, 3, 1.0), (2, 4, 2.0)]


def run_plan(folder: Path, settings: Train, plan: Any, visit: Visit) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("train_helpers.in_order", lambda rows, settings: plan)
        run(net_for("full"), some_rows(1), folder, settings, epochs=2.5, visit=visit)


def disturb(net: Any) -> None:
    """All that an exam could leave behind."""
    net.eval()
    torch.manual_seed(7)
    torch.rand(3)
    np.random.seed(7)
    with torch.inference_mode():
        net(input_ids=torch.tensor([[5, 6, 7]]), use_cache=True)


@pytest.mark.parametrize("method", ["full", "lora"])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_visit_changes_nothing(tmp_path: Path, method: str, checkpointing: bool) -> None:
    settings = Train(batch=4, micro_batch=2, checkpoint_minutes=None, gradient_checkpointing=checkpointing)
    alone = net_for(method)
    expected, whole = run(alone, some_rows(), tmp_path, settings, epochs=3)
    visited = net_for(method)
    seen: list[Any] = []
    shown: list[Any] = []

    def at_rung(number: int, update: int, epoch: float) -> None:
        latest = kept(tmp_path).latest()
        assert latest is not None and latest.step == update  # nothing is lost if it ends here
        seen.append((number, update, epoch))
        disturb(visited)

    visit = Visit(lambda *place: shown.append(place), 0.5, at_rung)
    result, log = run(
        visited, some_rows(), tmp_path, settings, epochs=3, visit=visit, checkpoints=kept(tmp_path)
    )
    assert figures(log) == figures(whole)
    assert all(torch.equal(weight, weights(visited)[name]) for name, weight in weights(alone).items())
    assert (result.tokens, result.last_loss) == (expected.tokens, expected.last_loss)
    assert shown == [(done, 9, pytest.approx(done / 3)) for done in range(1, 10)]
    assert seen == [(number, done, pytest.approx(done / 3)) for number, done in enumerate((2, 3, 5, 6, 8), 1)]


def test_a_visit_costs_the_training_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    forward = LlamaForCausalLM.get_decoder

    def a_second(net: Any) -> Any:
        now[0] += 1  # each micro-batch asks once
        return forward(net)

    def at_rung(*place: Any) -> None:
        now[0] += 1000

    monkeypatch.setattr(LlamaForCausalLM, "get_decoder", a_second)
    rows, visit = some_rows(8), Visit(every=1.0, at_rung=at_rung)
    result, log = run(net_for("full"), rows, tmp_path, SETTINGS, epochs=3, visit=visit)
    assert now[0] == 2012 and result.seconds == 12
    speeds = [values["train/tokens_per_s"] for _, values in log]
    assert speeds[-1] == result.tokens / 12
