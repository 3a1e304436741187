"""Training means what the peer's training means, and its plan is exact."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from train_helpers import ListRows, alone, batch_of, figures, in_order, run, some_rows, tiny
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from csft import model
from csft.config import Train
from csft.data.batches import collate
from csft.errors import TrainingError
from csft.train import loop
from csft.train.loss import label_loss, runs_head_alone, validation_loss
from csft.train.updates import Epochs


def peer_model(shape: dict[str, Any]) -> LlamaForCausalLM:
    net = LlamaForCausalLM(LlamaConfig(**shape))
    with torch.no_grad():
        for k, (name, weight) in enumerate(sorted(net.named_parameters())):
            if "norm" in name:
                weight.fill_(1.0)
            else:
                drawn = np.random.RandomState(1000 + k).standard_normal(tuple(weight.shape)) * 0.02
                weight.copy_(torch.from_numpy(drawn.astype(np.float32)))
    return net


def encoded(shared: Path, trace: Any) -> tuple[ListRows, list[list[int]]]:
    """The trace's records, and which of them share a row."""
    cutoff = trace["settings"]["cutoff_len"]
    if not trace["settings"].get("neat_packing"):
        lines = (shared / "parity/llamafactory_intern2.jsonl").read_text(encoding="utf-8").splitlines()
        found = {
            record["id"]: {name: record[name] for name in ("input_ids", "labels")}
            for record in map(json.loads, lines)
            if record["cutoff_len"] == cutoff and not record["mask_history"]
        }
        rows = ListRows([found[number] for number in trace["record_ids"]])
        return rows, alone(rows)
    records: list[dict[str, list[int]]] = []
    plan: list[list[int]] = []
    lines = (shared / "parity/llamafactory_packing.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, lines):
        if row["cutoff_len"] == cutoff and row["neat_packing"]:
            numbers = np.array(row["attention_mask"])
            plan.append(list(range(len(records), len(records) + numbers.max())))
            for number in range(1, numbers.max() + 1):
                mine = numbers == number
                records.append({name: np.array(row[name])[mine].tolist() for name in ("input_ids", "labels")})
    return ListRows(records), plan


@pytest.mark.slow
@pytest.mark.parametrize("number", range(4))  # the last one packs several records into a row
def test_every_update_equals_llamafactory(shared: Path, tmp_path: Path, number: int) -> None:
    traces = json.loads((shared / "parity/llamafactory_loss_trace.json").read_text(encoding="utf-8"))
    trace = traces["traces"][number]
    given = trace["settings"]
    rows, plan = encoded(shared, trace)
    micro = given["per_device_train_batch_size"]
    settings = Train(
        batch=micro * given["gradient_accumulation_steps"],
        micro_batch=micro,
        schedule=given["lr_scheduler_type"],
        warmup=given.get("warmup_ratio", 0.0),
        weight_decay=given.get("weight_decay", 0.0),
        clip=given.get("max_grad_norm", 1.0),
    )
    _, log = run(
        peer_model(traces["model"]),
        rows,
        tmp_path,
        settings,
        given["num_train_epochs"],
        given["learning_rate"],
        plan,
    )
    assert [step for step, _ in log] == [entry["step"] for entry in trace["log"]]
    for (_, ours), theirs in zip(log, trace["log"], strict=True):
        assert ours["train/loss"] == pytest.approx(theirs["loss"], abs=2e-5)
        assert ours["train/grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-3)
        assert ours["train/lr"] == pytest.approx(theirs["learning_rate"], rel=1e-6)


def test_a_step_is_the_same_however_records_share_rows(tmp_path: Path) -> None:
    rows = some_rows(8)
    losses = []
    for plan, batch, micro in (
        (alone(rows), 8, 8),
        ([[0, 1, 2], [3], [4, 5, 6, 7]], 3, 2),
        ([[4, 1, 2, 3, 0, 5, 6, 7]], 1, 1),
    ):
        _, log = run(tiny(), rows, tmp_path, Train(batch=batch, micro_batch=micro), epochs=3, plan=plan)
        losses.append([values["train/loss"] for _, values in log])
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)
    assert losses[2] == pytest.approx(losses[0], abs=1e-5)


def test_micro_batches_do_not_change_the_losses(tmp_path: Path) -> None:
    rows = some_rows()
    losses = []
    for micro in (1, 2, 4):
        _, log = run(tiny(), rows, tmp_path, Train(batch=4, micro_batch=micro), epochs=2)
        losses.append([values["train/loss"] for _, values in log])
    assert losses[0] == pytest.approx(losses[2], abs=1e-5)
    assert losses[1] == pytest.approx(losses[2], abs=1e-5)
    assert losses[0][-1] < losses[0][0]


@pytest.mark.parametrize("method", ["full", "lora"])
def test_logits_at_labels_alone_give_the_models_own_loss(method: str) -> None:
    net = model.adapt(tiny(), method, rank=2, alpha=4)
    batch = batch_of(*([row] for row in some_rows(3).rows))
    trained = int((batch["labels"][:, 1:] != -100).sum())
    assert runs_head_alone(net)
    own = net(**batch, use_cache=False).loss
    ours = label_loss(net, batch, trained)
    assert ours.item() == pytest.approx(own.item(), abs=1e-6)
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    for expected, found in zip(
        torch.autograd.grad(own, weights), torch.autograd.grad(ours, weights), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_another_architecture_keeps_its_own_loss(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=16, n_layer=1, n_head=2, n_positions=32))
    assert not runs_head_alone(net)
    _, log = run(net, some_rows(), tmp_path, Train(batch=4, micro_batch=2), epochs=4)
    assert log[-1][1]["train/loss"] < log[0][1]["train/loss"]


def test_the_same_seed_gives_the_same_bits(tmp_path: Path) -> None:
    first, second = (run(tiny(), some_rows(), tmp_path, Train(batch=4, micro_batch=4))[1] for _ in range(2))
    assert figures(first) == figures(second)


def test_a_loss_that_is_not_finite_stops_by_update(tmp_path: Path) -> None:
    net = tiny()
    with torch.no_grad():
        net.lm_head.weight[5, 0] = float("nan")
    with pytest.raises(TrainingError, match="loss is nan at update 1"):
        run(net, some_rows(), tmp_path, Train(batch=4, micro_batch=4))


def test_nothing_to_train_on_stops(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no record with a trained token"):
        run(tiny(), ListRows([]), tmp_path, Train(batch=4, micro_batch=4))


def test_tokens_are_counted_without_padding(tmp_path: Path) -> None:
    rows = some_rows()
    result, _ = run(tiny(), rows, tmp_path, Train(batch=4, micro_batch=2), epochs=2)
    assert result.tokens == 2 * int(rows.lengths.sum())
    assert result.trained_tokens == 2 * int((rows.lengths - 3).sum())
    assert result.updates == 6


def test_the_config_stays_the_checkpoints_own(tmp_path: Path) -> None:
    net = tiny()
    before = net.config.to_dict()
    run(net, some_rows(), tmp_path, Train(batch=4, micro_batch=4))
    assert net.config.to_dict() == before


@pytest.mark.parametrize(("epochs", "updates"), [(1, 4), (2, 8), (0.5, 2), (0.01, 1), (1.3, 6)])
def test_fractional_epochs_take_a_share_of_the_updates(epochs: float, updates: int) -> None:
    plan = Epochs(lambda epoch: [[[[epoch, at]]] for at in range(4)], epochs)
    assert len(plan) == updates
    assert [plan[at] for at in range(updates)] == [[[[at // 4, at % 4]]] for at in range(updates)]
    assert [plan.passed(at + 1) for at in range(updates)] == [(at + 1) / 4 for at in range(updates)]


def test_epochs_may_differ_in_their_updates() -> None:
    plan = Epochs(lambda epoch: [[[[epoch]]]] * (2 + epoch), 2.5)
    assert [plan[at] for at in range(len(plan))] == [[[[epoch]]] for epoch in (0, 0, 1, 1, 1, 2, 2)]
    assert [round(plan.passed(at), 2) for at in range(1, 8)] == [0.5, 1, 1.33, 1.67, 2, 2.25, 2.5]


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_the_validation_loss_is_the_mean_over_trained_tokens(family: str) -> None:
    torch.manual_seed(0)
    net = (
        tiny()
        if family == "llama"
        else GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=16, n_layer=1, n_head=2))
    )
    rows, settings = some_rows(), Train(batch=4, micro_batch=2)
    plan = in_order(alone(rows), settings)(0)
    summed = trained = 0.0
    net.eval()
    for row in rows.rows:
        ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
        count = int((labels[:, 1:] != -100).sum())
        summed, trained = summed + float(net(input_ids=ids, labels=labels).loss) * count, trained + count
    net.train()
    assert validation_loss(net, rows, plan, partial(collate, pad_id=2)) == pytest.approx(
        summed / trained, rel=1e-5
    )
    assert net.training and all(weight.grad is None for weight in net.parameters())


@pytest.mark.parametrize(("device", "gpus"), [("cpu", 0), ("cuda", 1), ("cuda:1", 1)])
def test_the_trainer_stays_on_the_chosen_device(tmp_path: Path, device: str, gpus: int) -> None:
    arguments = loop._arguments(Train(), lr=1e-3, seed=1, device=device, scratch=str(tmp_path), updates=1)
    assert str(arguments.device) == device and arguments.n_gpu == gpus
