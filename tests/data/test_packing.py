"""Rows of several records."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csft.data import Alpaca, encode
from csft.data.packing import fill_rows, llamafactory_row
from csft.errors import SettingError


def reference_records(shared: Path) -> list[Alpaca]:
    lines = (shared / "parity" / "llamafactory_intern2.jsonl").read_text(encoding="utf-8").splitlines()
    examples = {line["id"]: line["example"] for line in map(json.loads, lines)}
    return [
        Alpaca(
            example["instruction"],
            example["input"],
            example["output"],
            tuple(map(tuple, example.get("history") or ())),
            example.get("system") or "",
        )
        for _, example in sorted(examples.items())
    ]


def test_every_packed_row_equals_llamafactory(shared: Path, internlm2: Any) -> None:
    lines = (shared / "parity" / "llamafactory_packing.jsonl").read_text(encoding="utf-8").splitlines()
    reference = [json.loads(line) for line in lines]
    assert len(reference) == 88
    records = reference_records(shared)
    for (cutoff, neat), rows in groupby(reference, lambda row: (row["cutoff_len"], row["neat_packing"])):
        encoded = [encode(record, internlm2, "intern2_2025", cutoff - 1) for record in records]
        kept = [{"input_ids": ids, "labels": labels} for ids, labels in encoded if ids]
        plan = fill_rows([len(record["input_ids"]) for record in kept], cutoff - 1)
        ours = [
            {
                "cutoff_len": cutoff,
                "neat_packing": neat,
                "row": number,
                **llamafactory_row([kept[at] for at in row], cutoff, internlm2.pad_token_id, neat=neat),
            }
            for number, row in enumerate(plan)
        ]
        assert ours == list(rows)


@given(st.lists(st.integers(1, 100), max_size=60), st.integers(100, 300), st.integers(1, 70))
def test_rows_hold_every_record_once_and_are_filled_with_the_longest_that_fits(
    lengths: list[int], capacity: int, group: int
) -> None:
    rows = fill_rows(lengths, capacity, group)
    assert sorted(at for row in rows for at in row) == list(range(len(lengths)))
    for first in range(0, len(lengths), group):
        waiting = set(range(first, min(first + group, len(lengths))))
        while waiting:
            row, room = rows.pop(0), capacity
            for at in row:
                fits = [other for other in waiting if lengths[other] <= room]
                assert (lengths[at], at) == max((lengths[other], other) for other in fits)
                waiting.remove(at)
                room -= lengths[at]
            assert not any(lengths[other] <= room for other in waiting)


def test_what_is_longer_than_a_row_is_refused() -> None:
    with pytest.raises(SettingError, match=r"cutoff=8 .* 9 tokens"):
        fill_rows(np.array([3, 9]), 8)
    with pytest.raises(SettingError, match="cutoff=2 "):
        llamafactory_row([{"input_ids": [1, 2], "labels": [1, 2]}], 2, 0)
