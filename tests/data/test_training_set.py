"""Rows from the store equal plain encoding, and truncation is counted right."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csft.data import TEMPLATES, Alpaca, Prepared, TrainingSet, encode
from csft.data.store import open_store, write_store
from csft.data.template import bind, find
from csft.data.training_set import full_lengths
from csft.errors import SettingError

Store = Callable[[Sequence[Alpaca]], Prepared]


@pytest.fixture
def stored(tmp_path: Path, letters: Any) -> Store:
    frames = {name: bind(name, letters) for name in TEMPLATES}

    def make(records: Sequence[Alpaca]) -> Prepared:
        folder = tmp_path / f"store{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        write_store(folder, records, letters, find("intern2"), {})
        return Prepared("x", open_store(folder), frames, len(records), len(records), {})

    return make


def everything(one: Prepared) -> list[tuple[str, np.ndarray]]:
    return [("x", np.arange(len(one.store)))]


text = st.text("ab病药。\n ", min_size=1, max_size=40)
records = st.lists(
    st.builds(
        Alpaca,
        text,
        st.just("") | text,
        text,
        st.lists(st.tuples(text, text), max_size=3).map(tuple),
        st.sampled_from(["", "", "S", "另"]),
    ),
    min_size=1,
    max_size=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(records, st.integers(3, 300), st.booleans(), st.sampled_from(list(TEMPLATES)))
def test_rows_equal_plain_encoding(
    stored: Store, letters: Any, records: list[Alpaca], cutoff: int, mask: bool, template: str
) -> None:
    growing = [r for record in records for r in (record, _next_turn(record))]
    one = stored(growing)
    plain = [encode(record, letters, template, cutoff, mask) for record in growing]
    closing = 1 if template == "intern2" else 0
    try:
        rows = TrainingSet({"x": one}, everything(one), cutoff, template, mask)
    except SettingError:
        return
    for at, row in enumerate(rows):
        _, number = rows.origin(at)
        assert (row["input_ids"], row["labels"]) == plain[number]
        assert rows.lengths[at] == len(row["input_ids"])
    cost = rows.truncation["x"]
    assert cost.records == len(growing) == len(rows) + cost.untrained
    assert cost.tokens_after == sum(len(ids) for ids, _ in plain)
    assert cost.tokens_before == full_lengths(one.store, one.frame(template)).sum()
    assert all(len(ids) <= cutoff for ids, _ in plain)
    if mask:
        assert cost.trained_after == sum(sum(x != -100 for x in labels) - closing for _, labels in plain)


def _next_turn(record: Alpaca) -> Alpaca:
    said = "\n".join(part for part in (record.instruction, record.input) if part)
    return Alpaca("再问", "", "再答", (*record.history, (said, record.output)), record.system)


PROMPT = len("m" + "user\n" + "m" + "\n" + "m" + "assistant\n")  # a marker is one token, as is a character
TAIL = len("m" + "\n" + "m" + "assistant\n")


def lost(
    stored: Store, record: Alpaca, cutoff: int, template: str = "intern2", mask: bool = False
) -> set[str]:
    one = stored([record])
    cost = TrainingSet({"x": one}, everything(one), cutoff, template, mask).truncation["x"]
    return {name for name in ("turns", "marker", "question", "answer", "conclusion") if getattr(cost, name)}


def test_each_thing_a_cutoff_takes_is_counted_as_itself(stored: Store) -> None:
    question = Alpaca("q" * 100, "", "A is B.")
    whole = 1 + PROMPT + 100 + 7 + 1
    assert lost(stored, question, whole) == set()
    assert lost(stored, question, whole - 1) == {"marker"}
    assert lost(stored, question, whole - TAIL) == {"marker"}
    assert lost(stored, question, whole - TAIL - 1) == {"marker", "question"}
    answer = Alpaca("q", "", "a" * 100 + ".。")
    whole = 1 + PROMPT + 1 + 102 + 1
    assert lost(stored, answer, whole) == set()
    assert lost(stored, answer, whole - 1) == {"answer"}
    assert lost(stored, answer, whole - 2) == {"answer"}
    assert lost(stored, answer, whole - 3) == {"answer", "conclusion"}


def test_todays_answer_end_is_no_answer_text(stored: Store) -> None:
    record = Alpaca("q", "", "a" * 200 + "。", system="S")
    whole = 1 + len("msystem\nSm\n") - 0 + PROMPT + 1 + 201 + 2
    assert lost(stored, record, whole - 2, "intern2_2025") == set()
    assert lost(stored, record, whole - 3, "intern2_2025") == {"answer"}


def test_dropped_turns_are_counted(stored: Store) -> None:
    record = Alpaca("q", "", "last。", history=(("a" * 200, "b" * 200),))
    assert lost(stored, record, 100) == {"turns", "marker", "question", "answer", "conclusion"}
    assert lost(stored, record, 1 + PROMPT + 1 + 5 + 2, mask=True) == {"turns", "answer"}


def test_drawn_copies_are_rows_and_untrained_records_are_left_out(stored: Store) -> None:
    one = stored([Alpaca("q", "", "a"), Alpaca("q" * 2000, "", "a" * 20), Alpaca("q", "", "b")])
    rows = TrainingSet({"x": one}, [("x", np.array([0, 1, 2, 2]))], 38)
    assert len(rows) == 3 and rows.truncation["x"].untrained == 1
    assert [rows.origin(at)[1] for at in range(3)] == [0, 2, 2]
    assert rows.table()[0]["dataset"] == "x" and rows.table()[0]["records"] == 4


def test_a_cutoff_that_leaves_nothing_is_refused(stored: Store) -> None:
    one = stored([Alpaca("q", "", "a")])
    with pytest.raises(SettingError, match="cutoff=1 "):
        TrainingSet({"x": one}, everything(one), 1)


def test_another_cutoff_needs_no_tokenizer(
    stored: Store, monkeypatch: pytest.MonkeyPatch, letters: Any
) -> None:
    one = stored([Alpaca("q" * n, "", "a" * n) for n in range(1, 50)])
    monkeypatch.setattr(type(letters), "__call__", None)
    sizes = [int(TrainingSet({"x": one}, everything(one), cutoff).lengths.sum()) for cutoff in (64, 96, 128)]
    assert sizes == sorted(sizes) and len(set(sizes)) == 3
