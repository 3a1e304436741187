"""The length rule."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csft.data import cutoff
from csft.errors import SettingError


def one(prompt: int, answer: int, room: int) -> tuple[int, int]:
    kept = cutoff.llamafactory(*(np.array([n]) for n in (prompt, answer, room)))
    return int(kept[0][0]), int(kept[1][0])


def test_equals_llamafactory_on_every_reference_triple(shared: Path) -> None:
    lines = (shared / "parity" / "llamafactory_infer_seqlen.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    columns = (np.array([row[name] for row in rows]) for name in ("source_len", "target_len", "room"))
    prompt, answer = cutoff.llamafactory(*columns)
    assert np.stack([prompt, answer], 1).tolist() == [row["kept"] for row in rows]


@pytest.mark.parametrize(
    ("lengths", "kept"),
    [
        ((10, 5, 100), (10, 5)),
        ((100, 5, 20), (15, 5)),  # short answer: the prompt is cut to c - t
        ((5, 100, 20), (5, 15)),  # short prompt: the answer is cut to c - s
        ((100, 100, 20), (10, 10)),  # both long: in proportion
        ((30, 60, 20), (7, 13)),  # int(20 * 60/90) = 13
        ((0, 0, 1), (0, 0)),
    ],
)
def test_each_branch_of_the_rule(lengths: tuple[int, int, int], kept: tuple[int, int]) -> None:
    assert one(*lengths) == kept


sizes = st.integers(0, 3000)


@given(
    st.lists(st.lists(st.tuples(st.integers(1, 900), sizes), min_size=1, max_size=5), min_size=1, max_size=6),
    st.integers(1, 2000),
    st.booleans(),
)
def test_many_records_at_once_equal_turn_by_turn(
    records: list[list[tuple[int, int]]], room: int, last_first: bool
) -> None:
    flat = [turn for record in records for turn in record]
    start = np.cumsum([0, *map(len, records)])
    turns = cutoff.Turns(np.array([p for p, _ in flat]), np.array([a for _, a in flat]), start)
    kept = cutoff.keep(turns, room, last_first=last_first)
    expected = []
    for record in records:
        left, row = room, []
        for turn in reversed(record) if last_first else record:
            row.append(one(*turn, left) if left else (0, 0))
            left -= sum(row[-1])
        expected += row[::-1] if last_first else row
        assert left >= 0
    assert list(zip(kept.prompt.tolist(), kept.answer.tolist(), strict=True)) == expected


@pytest.mark.parametrize("value", [0, -1, 1.5, "512", True, None])
def test_a_cutoff_that_is_no_length_is_refused(value: object) -> None:
    with pytest.raises(SettingError, match=f"cutoff={value}"):
        cutoff.check(value)  # type: ignore[arg-type]


def test_a_policy_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingError, match=r"cutoff_policy=keep_all.*llamafactory"):
        cutoff.check(512, "keep_all")
