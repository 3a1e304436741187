"""Epoch plans and what they become."""

from itertools import chain, pairwise
from typing import Any

import numpy as np
import pytest

from csft.data import batch_plan, waste
from csft.data.batches import MODES, Plan, collate
from csft.errors import SettingError

LENGTHS = np.random.default_rng(0).integers(5, 500, 1003)


def plan(mode: str, **settings: Any) -> Plan:
    return batch_plan(LENGTHS, 8, mode, **{"seed": 3, "micro_batch": 4, "cutoff": 1000, **settings})


def flat(epoch: Plan) -> list[int]:
    return [at for update in epoch for micro_batch in update for row in micro_batch for at in row]


@pytest.mark.parametrize("mode", MODES)
def test_every_record_comes_once_seeded_by_epoch(mode: str) -> None:
    order = flat(plan(mode))
    assert sorted(order) == list(range(1003))
    assert order == flat(plan(mode))
    assert order != flat(plan(mode, epoch=1))
    assert order != flat(plan(mode, seed=4))


@pytest.mark.parametrize("mode", MODES)
def test_only_the_last_update_is_short(mode: str) -> None:
    epoch = plan(mode)
    rows = [len(list(chain.from_iterable(update))) for update in epoch]
    assert set(rows[:-1]) == {8} and 0 < rows[-1] <= 8
    assert all(len(micro_batch) == 4 for update in list(epoch)[:-1] for micro_batch in update)
    if mode != "best_fit":
        assert len(epoch) == 126 and all(len(row) == 1 for u in epoch for m in u for row in m)
    with pytest.raises(IndexError):
        epoch[len(epoch)]


@pytest.mark.parametrize("mode", MODES)
def test_chosen_records_come_as_often_as_they_are_named(mode: str) -> None:
    chosen = np.array([5, 5, 900, 17] * 10)
    assert sorted(flat(plan(mode, chosen=chosen))) == sorted(chosen.tolist())
    assert len(plan(mode, chosen=chosen[:0])) == 0


def test_best_fit_fills_rows_up_to_the_cutoff_and_mixes_them_anew() -> None:
    epochs = [[tuple(row) for u in plan("best_fit", epoch=n) for m in u for row in m] for n in (0, 1)]
    tokens = [sum(LENGTHS[list(row)]) for row in epochs[0]]
    assert max(tokens) <= 1000 and np.mean(tokens) > 990
    assert len(set(epochs[0]) & set(epochs[1])) < len(epochs[0]) / 2
    assert tokens != sorted(tokens, reverse=True)


def test_grouped_updates_are_not_in_order_of_length() -> None:
    longest = [
        max(LENGTHS[list(chain.from_iterable(row))].max() for row in update) for update in plan("grouped")
    ]
    assert longest != sorted(longest) and longest != sorted(longest, reverse=True)


def test_waste_is_that_of_the_micro_batches_computed() -> None:
    epoch = Plan(np.array([0, 1, 2, 3, 4]), np.array([0, 1, 2, 4, 5]), 3, 2, False)
    assert list(epoch) == [[[[0], [1]], [[2, 3]]], [[[4]]]]
    assert waste([10, 5, 5, 3, 7], epoch) == pytest.approx(5 / (20 + 8 + 7))
    assert waste([], batch_plan([], 8)) == 0


def test_waste_shrinks_from_mode_to_mode() -> None:
    share = {mode: waste(LENGTHS, plan(mode)) for mode in MODES}
    assert share["padded"] > 0.25 and share["grouped"] < 0.03
    assert 0 < share["best_fit"] < 0.02 and share["packed"] == 0
    assert waste(LENGTHS, plan("best_fit", attention="flash_attention_2")) == 0
    assert waste(LENGTHS, plan("padded", micro_batch=None)) > share["padded"]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(SettingError, match=r"train\.batching=sorted.*best_fit"):
        batch_plan([1], 1, "sorted")
    with pytest.raises(SettingError, match=r"train\.batch=0"):
        batch_plan([1], 0)
    with pytest.raises(SettingError, match=r"train\.micro_batch=0"):
        batch_plan([1], 1, micro_batch=0)
    with pytest.raises(SettingError, match=r"cutoff=None.*best_fit"):
        batch_plan([1], 1, "best_fit")
    with pytest.raises(SettingError, match=r"cutoff=3 .*4 tokens"):
        batch_plan([4], 1, "best_fit", cutoff=3)


Records = list[dict[str, list[int]]]


def some_records() -> Records:
    generator = np.random.default_rng(1)
    rows = []
    for size in (7, 19, 2, 33, 1, 12):
        ids = generator.integers(3, 50, size).tolist()
        rows.append({"input_ids": ids, "labels": [-100, *ids[1:]]})
    return rows


def losses(batch: dict[str, Any], attention: str) -> list[float]:
    """Summed loss of each record of a batch, row by row, on a small Llama whose weights are random."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        attn_implementation=attention,
    )
    net = LlamaForCausalLM(config).eval()
    inputs = {name: value for name, value in batch.items() if name not in ("labels", "attention_mask")}
    with torch.no_grad():
        logits = net(**inputs, use_cache=False).logits
    each = torch.nn.functional.cross_entropy(
        logits[:, :-1].transpose(1, 2), batch["labels"][:, 1:], reduction="none"
    )
    found = []
    for row, mask in enumerate(batch["labels"] == -100):
        starts = mask.nonzero().flatten().tolist()  # a record's first label, and all padding
        found += [each[row, a : b - 1].sum().item() for a, b in pairwise([*starts, len(mask)]) if b - a > 1]
    return found


LAYOUTS = {
    "packed": ([[0], [1], [2], [3], [5]], True),
    "best_fit": ([[0, 1], [2, 3], [5]], False),
    "best_fit, flash": ([[0, 1], [2, 3], [5]], True),
}


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_records_loss_is_the_same_in_any_row(layout: str, attention: str) -> None:
    records, (rows, joined) = some_records(), LAYOUTS[layout]
    alone = [losses(collate([[records[at]]], 2), attention)[0] for row in rows for at in row]
    batch = collate([[records[at] for at in row] for row in rows], 2, joined)
    assert losses(batch, attention) == pytest.approx(alone, abs=1e-5)
    assert len(batch["input_ids"]) == (1 if joined else 3)
    padded = collate([[records[at]] for row in rows for at in row], 2)
    assert losses(padded, attention) == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_record_changes_no_other_records_loss(layout: str, attention: str) -> None:
    rows, joined = LAYOUTS[layout]
    records = some_records()
    before = losses(collate([[records[at] for at in row] for row in rows], 2, joined), attention)
    records[0]["input_ids"] = [(token + 11) % 47 + 3 for token in records[0]["input_ids"]]
    after = losses(collate([[records[at] for at in row] for row in rows], 2, joined), attention)
    assert after[1:] == pytest.approx(before[1:], abs=1e-5)
    assert abs(after[0] - before[0]) > 0.01


def test_rows_of_several_records_have_positions_and_others_a_mask() -> None:
    one, two = {"input_ids": [5, 6], "labels": [5, 6]}, {"input_ids": [7, 8, 9], "labels": [7, 8, 9]}
    shared = {name: value.tolist() for name, value in collate([[one, two], [one]], 2).items()}
    assert shared == {
        "input_ids": [[5, 6, 7, 8, 9], [5, 6, 2, 2, 2]],
        "labels": [[-100, 6, -100, 8, 9], [-100, 6, -100, -100, -100]],
        "position_ids": [[0, 1, 0, 1, 2], [0, 1, 0, 0, 0]],
    }
    alone = {name: value.tolist() for name, value in collate([[one], [two]], 2).items()}
    assert alone == {
        "input_ids": [[5, 6, 2], [7, 8, 9]],
        "labels": [[-100, 6, -100], [-100, 8, 9]],
        "attention_mask": [[1, 1, 0], [1, 1, 1]],
    }
