"""Batch plans and collators."""

from typing import Any

import numpy as np
import pytest

from csft.data import batch_plan, collate_packed, collate_padded, waste
from csft.errors import SettingError

LENGTHS = np.random.default_rng(0).integers(5, 500, 1003)


@pytest.mark.parametrize("mode", ["grouped", "padded", "packed"])
def test_every_record_comes_once_seeded_by_epoch(mode: str) -> None:
    plan = batch_plan(LENGTHS, 8, mode, seed=3)
    assert sorted(at for batch in plan for at in batch) == list(range(1003))
    assert sorted(map(len, plan))[1:] == [8] * 125
    assert plan == batch_plan(LENGTHS, 8, mode, seed=3)
    assert plan != batch_plan(LENGTHS, 8, mode, seed=3, epoch=1)
    assert plan != batch_plan(LENGTHS, 8, mode, seed=4)


def test_grouping_saves_most_of_the_padding_and_packing_all() -> None:
    share = {
        mode: waste(LENGTHS, batch_plan(LENGTHS, 8, mode), mode) for mode in ("padded", "grouped", "packed")
    }
    assert share["padded"] > 0.3 and share["grouped"] < 0.1 and share["packed"] == 0


def test_waste_is_counted_by_hand() -> None:
    assert waste([10, 5, 5], [[0, 1], [2]], "padded") == pytest.approx(5 / 25)


def test_grouped_batches_are_not_in_order_of_length() -> None:
    longest = [max(LENGTHS[batch]) for batch in batch_plan(LENGTHS, 8, "grouped")]
    assert longest != sorted(longest) and longest != sorted(longest, reverse=True)


def test_a_mode_or_size_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingError, match=r"batches=sorted.*grouped"):
        batch_plan([1], 1, "sorted")
    with pytest.raises(SettingError, match="batch_size=0"):
        batch_plan([1], 0)


def test_packed_and_padded_rows_give_the_same_loss_per_record() -> None:
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
        attn_implementation="sdpa",
    )
    net = LlamaForCausalLM(config).eval()
    generator = np.random.default_rng(1)
    rows = []
    for size in (7, 19, 2, 33):
        ids = generator.integers(3, 50, size).tolist()
        rows.append({"input_ids": ids, "labels": [-100, *ids[1:]]})

    def losses(batch: dict[str, Any]) -> Any:
        with torch.no_grad():
            logits = net(**{k: v for k, v in batch.items() if k != "labels"}, use_cache=False).logits
        return torch.nn.functional.cross_entropy(
            logits[:, :-1].transpose(1, 2), batch["labels"][:, 1:], reduction="none"
        )

    padded = losses(collate_padded(rows, pad_id=2)).sum(1)
    packed = losses(collate_packed(rows))[0]
    ends = np.cumsum([len(row["input_ids"]) for row in rows])
    per_record = torch.stack(
        [
            packed[max(end - len(row["input_ids"]) - 1, 0) : end - 1].sum()
            for end, row in zip(ends, rows, strict=True)
        ]
    )
    torch.testing.assert_close(padded, per_record, rtol=1e-5, atol=1e-5)


def test_the_first_label_of_a_packed_record_never_trains_on_its_neighbour() -> None:
    rows = [{"input_ids": [5, 6], "labels": [5, 6]}, {"input_ids": [7, 8], "labels": [7, 8]}]
    batch = collate_packed(rows)
    assert batch["labels"].tolist() == [[-100, 6, -100, 8]]
    assert batch["position_ids"].tolist() == [[0, 1, 0, 1]]
