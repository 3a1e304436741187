"""Training means what the peer's training means, and its plan is exact."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from csft import model
from csft.config import Train
from csft.errors import TrainingError
from csft.train import fit
from csft.train.loss import label_loss, runs_head_alone
from csft.train.updates import plan_epochs


class ListRows:
    """Encoded records in a list."""

    def __init__(self, rows: list[dict[str, list[int]]]) -> None:
        self.rows, self.lengths = rows, np.array([len(row["input_ids"]) for row in rows])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        return self.rows[index]


def collate(rows: Any) -> dict[str, torch.Tensor]:
    longest = max(len(row["input_ids"]) for row in rows)

    def pad(name: str, value: int) -> torch.Tensor:
        return torch.tensor([row[name] + [value] * (longest - len(row[name])) for row in rows])

    mask = [[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in rows]
    return {
        "input_ids": pad("input_ids", 2),
        "labels": pad("labels", -100),
        "attention_mask": torch.tensor(mask),
    }


def in_order(rows: ListRows, batch: int) -> Any:
    return lambda epoch: [list(range(i, min(i + batch, len(rows)))) for i in range(0, len(rows), batch)]


def tiny(**changes: int) -> LlamaForCausalLM:
    torch.manual_seed(0)
    sizes = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(**{**sizes, "intermediate_size": 32, **changes}))


def some_rows(count: int = 10) -> ListRows:
    chance = np.random.default_rng(0)
    rows = []
    for _ in range(count):
        ids = chance.integers(3, 64, size=int(chance.integers(6, 20))).tolist()
        rows.append({"input_ids": ids, "labels": [-100] * 3 + ids[3:]})
    return ListRows(rows)


def run(net: Any, rows: ListRows, folder: Path, settings: Train, epochs: float = 1, lr: float = 1e-2) -> Any:
    log: list[tuple[int, dict[str, float]]] = []
    result = fit(
        net,
        rows,
        in_order(rows, settings.batch),
        collate,
        settings,
        epochs=epochs,
        lr=lr,
        seed=1,
        device="cpu",
        scratch=str(folder),
        log=lambda step, values: log.append((step, values)),
    )
    return result, log


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


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))  # the fourth trace packs rows by the peer's own bins
def test_every_update_equals_llamafactory(shared: Path, tmp_path: Path, number: int) -> None:
    traces = json.loads((shared / "parity/llamafactory_loss_trace.json").read_text(encoding="utf-8"))
    trace = traces["traces"][number]
    given = trace["settings"]
    encoded = {}
    for line in (shared / "parity/llamafactory_intern2.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        if record["cutoff_len"] == given["cutoff_len"] and not record["mask_history"]:
            encoded[record["id"]] = {"input_ids": record["input_ids"], "labels": record["labels"]}
    rows = ListRows([encoded[i] for i in trace["record_ids"]])
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
    )
    assert [step for step, _ in log] == [entry["step"] for entry in trace["log"]]
    for (_, ours), theirs in zip(log, trace["log"], strict=True):
        assert ours["train/loss"] == pytest.approx(theirs["loss"], abs=2e-5)
        assert ours["train/grad_norm"] == pytest.approx(theirs["grad_norm"], rel=1e-3)
        assert ours["train/lr"] == pytest.approx(theirs["learning_rate"], rel=1e-6)


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
    batch = collate(some_rows(3).rows)
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
    assert first == second


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
    assert len(plan_epochs(lambda epoch: [[epoch, i] for i in range(4)], epochs)) == updates
