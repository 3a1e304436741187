"""Rows from the store equal plain encoding, and truncation is counted right."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csft.data import TEMPLATES, Alpaca, Prepared, TrainingSet, Truncation, cutoff, encode
from csft.data.parquet import as_table
from csft.data.store import open_store
from csft.data.template import bind, find
from csft.data.tokenising import Tokeniser
from csft.data.training_set import CutOff, full_lengths, kept_lengths
from csft.data.writing import write_store
from csft.errors import SettingError

Store = Callable[[Sequence[Alpaca]], Prepared]


def storing(tokenizer: Any, where: Path) -> Store:
    frames = {name: bind(name, tokenizer) for name in TEMPLATES}
    tokeniser = Tokeniser(tokenizer, find("intern2"))

    def store(records: Sequence[Alpaca]) -> Prepared:
        folder = where / f"store{len(list(where.iterdir()))}"
        folder.mkdir()
        pq.write_table(as_table(records), folder / "records.parquet")
        write_store(folder, folder / "records.parquet", tokeniser, {})
        return Prepared(
            "x", open_store(folder), frames, len(records), len(records), {}, np.arange(len(records))
        )

    return store


@pytest.fixture
def stored(tmp_path: Path, letters: Any) -> Store:
    return storing(letters, tmp_path)


def cut(one: Prepared, how: CutOff) -> TrainingSet:
    """Every record of a store."""
    return TrainingSet({"x": one}, [("x", np.arange(len(one.store)))], how)


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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(
    records,
    st.builds(
        CutOff,
        st.integers(3, 300),
        st.sampled_from(list(TEMPLATES)),
        st.booleans(),
        st.sampled_from(list(cutoff.POLICIES)),
    ),
)
def test_rows_equal_plain_encoding(stored: Store, letters: Any, records: list[Alpaca], how: CutOff) -> None:
    growing = [r for record in records for r in (record, _next_turn(record))]
    one = stored(growing)
    plain = [
        encode(record, letters, how.template, how.cutoff, how.mask_history, policy=how.policy)
        for record in growing
    ]
    everything = np.arange(len(growing))
    try:
        rows = cut(one, how)
    except SettingError:
        assert not kept_lengths(one, everything, how).any()
        return
    for at, row in enumerate(rows):
        _, number = rows.origin(at)
        assert (row["input_ids"], row["labels"]) == plain[number]
        assert rows.lengths[at] == len(row["input_ids"]) <= how.cutoff
        assert rows.rows_of("x")[number] == at
    lengths = kept_lengths(one, everything, how)
    assert lengths[lengths > 0].tolist() == rows.lengths.tolist()
    assert ((rows.rows_of("x") < 0) == (lengths == 0)).all()
    cost = rows.truncation["x"]
    assert cost.records == len(growing) == len(rows) + cost.untrained + cost.dropped
    assert cost.tokens_after == rows.lengths.sum()
    assert cost.tokens_before == full_lengths(one.store, one.frame(how.template)).sum()
    if how.mask_history:
        closing = 1 if how.template == "intern2" else 0
        trained = [sum(label != -100 for label in row["labels"]) - closing for row in rows]
        assert cost.trained_after == sum(trained)


def _next_turn(record: Alpaca) -> Alpaca:
    said = "\n".join(part for part in (record.instruction, record.input) if part)
    return Alpaca("再问", "", "再答", (*record.history, (said, record.output)), record.system)


PROMPT = len("m" + "user\n" + "m" + "\n" + "m" + "assistant\n")  # a marker is one token, as is a character
TAIL = len("m" + "\n" + "m" + "assistant\n")


KINDS = ("turns", "system", "question", "options", "marker", "answer", "statement", "conclusion")


def lost(stored: Store, record: Alpaca, *how: Any) -> set[str]:
    cost = cut(stored([record]), CutOff(*how)).truncation["x"]
    return {name for name in KINDS if getattr(cost, name)}


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


OPTIONS = "A: x\nB: y\n"
STATED = "答案是B。"


def test_options_and_statement_go_first_where_ends_are_cut(stored: Store) -> None:
    short = Alpaca("q" * 100, OPTIONS, STATED)
    whole = 1 + PROMPT + 101 + len(OPTIONS) + len(STATED) + 1
    assert lost(stored, short, whole - TAIL) == {"marker"}
    assert lost(stored, short, whole - TAIL - 1) == {"marker", "question", "options"}
    long = Alpaca("q", OPTIONS, "a" * 100 + "\n" + STATED)
    whole = 1 + PROMPT + 2 + len(OPTIONS) + 101 + len(STATED) + 1
    assert lost(stored, long, whole - 1) == {"answer"}
    assert lost(stored, long, whole - 2) == {"answer", "conclusion", "statement"}


def test_options_and_statement_go_last_where_beginnings_are_cut(stored: Store) -> None:
    record = Alpaca("q" * 100, OPTIONS, "a" * 100 + "\n" + STATED, system="S")
    around = 1 + PROMPT + 1

    def gone(asked: int, answered: int) -> set[str]:
        return lost(stored, record, around + asked + answered, "intern2", False, "keep_end")

    cut_short = {"system", "question", "answer"}
    assert gone(len(OPTIONS), len(OPTIONS)) == cut_short
    assert gone(len(OPTIONS) - 1, len(OPTIONS)) == {*cut_short, "options"}
    assert gone(len(STATED), len(STATED)) == {*cut_short, "options"}
    assert gone(len(STATED) - 1, len(STATED) - 1) == {*cut_short, "options", "statement"}
    assert gone(0, 1) == {*cut_short, "options", "statement", "conclusion"}


def test_todays_answer_end_is_no_answer_text(stored: Store) -> None:
    record = Alpaca("q", "", "a" * 200 + "。", system="S")
    whole = 1 + len("msystem\nSm\n") + PROMPT + 1 + 201 + 2
    assert lost(stored, record, whole - 2, "intern2_2025") == set()
    assert lost(stored, record, whole - 3, "intern2_2025") == {"answer"}


TALK = Alpaca("q", "", "last。", history=(("a" * 200, "b" * 200),), system="S")
LAST = 1 + PROMPT + 1 + 5 + 1  # tokens of its last turn alone, with opening and end


@pytest.mark.parametrize(
    ("tokens", "mask", "policy", "kinds"),
    [
        (100, False, "llamafactory", {"turns", "marker", "question", "answer", "conclusion"}),
        (LAST + 1, True, "llamafactory", {"turns", "system", "marker", "question", "answer"}),
        (LAST, False, "keep_end", {"turns", "system", "marker", "question", "answer"}),
        (LAST + 20, False, "keep_end", {"turns", "marker", "question", "answer"}),
        (LAST - 3, False, "keep_end", {"turns", "system", "marker", "question", "answer"}),
        (LAST - 4, False, "keep_end", {"turns", "system", "marker", "question", "answer", "conclusion"}),
    ],
)
def test_a_turn_that_goes_whole_takes_all_it_has(
    stored: Store, tokens: int, mask: bool, policy: str, kinds: set[str]
) -> None:
    assert lost(stored, TALK, tokens, "intern2", mask, policy) == kinds


def test_what_drop_leaves_out_is_counted_as_dropped_alone(stored: Store) -> None:
    one = stored([Alpaca("q", "", "a"), Alpaca("q" * 50, "", "a" * 20, system="S")])
    rows = cut(one, CutOff(50, policy="drop"))
    whole = 1 + PROMPT + 2 + 1
    assert rows.truncation["x"] == Truncation(
        records=2,
        dropped=1,
        tokens_before=int(full_lengths(one.store, one.frame("intern2")).sum()),
        tokens_after=whole,
        trained_before=21,
        trained_after=1,
    )
    assert rows.lengths.tolist() == [whole]


def test_copies_are_rows_and_untrained_records_are_left_out(stored: Store) -> None:
    one = stored([Alpaca("q", "", "a"), Alpaca("q" * 2000, "", "a" * 20), Alpaca("q", "", "b")])
    rows = TrainingSet({"x": one}, [("x", np.array([0, 1, 2, 2]))], CutOff(38))
    assert len(rows) == 3 and rows.truncation["x"].untrained == 1
    assert [rows.origin(at)[1] for at in range(3)] == [0, 2, 2]
    assert rows.rows_of("x").tolist() == [0, -1, 1, 2]
    assert list(rows.truncation) == ["x"] and rows.truncation["x"].as_dict()["records"] == 4


@pytest.mark.parametrize("policy", list(cutoff.POLICIES))
def test_a_cutoff_that_leaves_nothing_is_refused(stored: Store, policy: str) -> None:
    with pytest.raises(SettingError, match="cutoff=1 "):
        cut(stored([Alpaca("q", "", "a")]), CutOff(1, policy=policy))


def test_parts_of_a_large_set_are_cut_as_the_whole(
    stored: Store, letters: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [Alpaca("q" * n, "", "a" * n, (("h", "a"),) * (n % 3)) for n in range(1, 50)]
    one = stored(records)
    whole = cut(one, CutOff(70))
    monkeypatch.setattr("csft.data.training_set.CHUNK", 4)
    parts = cut(one, CutOff(70))
    assert list(parts) == list(whole) and parts.truncation == whole.truncation
    assert full_lengths(one.store, one.frame("intern2")).tolist() == [
        len(encode(record, letters, cutoff=4096)[0]) for record in records
    ]


def as_alpaca(example: dict[str, Any]) -> Alpaca:
    history = tuple((user, answer) for user, answer in example.get("history") or ())
    return Alpaca(
        example["instruction"], example["input"], example["output"], history, example.get("system") or ""
    )


def test_the_store_equals_llamafactory_on_every_reference_line(
    shared: Path, internlm2: Any, tmp_path: Path
) -> None:
    lines = (shared / "parity" / "llamafactory_intern2.jsonl").read_text(encoding="utf-8").splitlines()
    wanted: dict[CutOff, list[Any]] = {}
    for line in map(json.loads, lines):
        how = CutOff(line["cutoff_len"], "intern2_2025", line["mask_history"])
        wanted.setdefault(how, []).append(line)
    (examples,) = {json.dumps([line["example"] for line in lines]) for lines in wanted.values()}
    one = storing(internlm2, tmp_path)([as_alpaca(example) for example in json.loads(examples)])
    for how, reference in wanted.items():
        rows = cut(one, how)
        got = {rows.origin(at)[1]: (row["input_ids"], row["labels"]) for at, row in enumerate(rows)}
        for number, line in enumerate(reference):
            trained = any(label != -100 for label in line["labels"])
            assert got.get(number) == ((line["input_ids"], line["labels"]) if trained else None)
    assert sum(map(len, wanted.values())) == 300


def test_another_cutoff_needs_no_tokenizer(
    stored: Store, monkeypatch: pytest.MonkeyPatch, letters: Any
) -> None:
    one = stored([Alpaca("q" * n, "", "a" * n) for n in range(1, 50)])
    monkeypatch.setattr(type(letters), "__call__", None)
    sizes = [int(cut(one, CutOff(tokens)).lengths.sum()) for tokens in (64, 96, 128)]
    assert sizes == sorted(sizes) and len(set(sizes)) == 3
