"""The length rule and the policies, for many records at once and in what they leave of a text."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csft.data import TEMPLATES, Alpaca, cutoff, encode
from csft.data.template import bind
from csft.errors import SettingError


def one(prompt: int, answer: int, room: int) -> tuple[int, int]:
    kept = cutoff.split_room(*(np.array([n]) for n in (prompt, answer, room)))
    return int(kept[0][0]), int(kept[1][0])


def test_equals_llamafactory_on_every_reference_triple(shared: Path) -> None:
    lines = (shared / "parity" / "llamafactory_infer_seqlen.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 734
    columns = (np.array([row[name] for row in rows]) for name in ("source_len", "target_len", "room"))
    prompt, answer = cutoff.split_room(*columns)
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


Record = list[tuple[int, int, int]]  # lead, question, answer of each turn
sizes = st.integers(0, 3000)
turn = st.tuples(st.integers(0, 200), st.integers(1, 900), sizes)
conversations = st.lists(st.lists(turn, min_size=1, max_size=5), min_size=1, max_size=6)


def flat(records: list[Record]) -> cutoff.Turns:
    lead, question, answer = np.array(list(chain.from_iterable(records))).T
    return cutoff.Turns(lead, question, answer, np.cumsum([0, *map(len, records)]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(conversations, st.integers(2, 2000), st.booleans())
def test_many_records_at_once_equal_turn_by_turn(
    letters: Any, records: list[Record], tokens: int, mask: bool
) -> None:
    kept = cutoff.keep(flat(records), bind("intern2", letters), tokens, mask)
    expected = []
    for record in records:
        left, rows = tokens - 1, []  # one for the end token
        for lead, question, answer in reversed(record) if mask else record:
            prompt, said = one(lead + question, answer, left) if left else (0, 0)
            rows.append((min(prompt, lead), max(prompt - lead, 0), said))
            left -= prompt + said
        expected += rows[::-1] if mask else rows
        assert left >= 0
    assert list(zip(kept.lead, kept.question, kept.answer, strict=True)) == expected


def test_drop_keeps_a_record_whole_or_not_at_all(letters: Any) -> None:
    records = [[(1, 10, 5), (1, 10, 5)], [(1, 10, 20)], [(1, 10, 21)]]
    kept = cutoff.keep(flat(records), bind("intern2", letters), 32, policy="drop")
    assert kept.tokens.tolist() == [0, 31, 0]


QUESTION = Alpaca("Which drug cures?\nA: one\nB: two\n", "", "Since so. It is B.", system="Be kind.")
TALK = Alpaca("third?", "", "Three.", (("first?", "One."), ("second?", "Two.")), "Be kind.")


MARKS = {
    "system": "<|im_start|>system\nBe kind.<|im_end|>\n",
    "user": "<|im_start|>user\n",
    "assistant": "<|im_end|>\n<|im_start|>assistant\n",
    "next": "<|im_end|>\n",
}
WHOLE = "{user}Which drug cures?\nA: one\nB: two\n{assistant}Since so. It is B.</s>"


@pytest.mark.parametrize(
    ("record", "tokens", "text"),
    [
        (QUESTION, 89, "<s>{system}" + WHOLE),
        (QUESTION, 88, "<s>" + WHOLE),
        (QUESTION, 60, "<s>{user}cures?\nA: one\nB: two\n{assistant}Since so. It is B.</s>"),
        (QUESTION, 41, "<s>{user}ne\nB: two\n{assistant}. It is B.</s>"),
        (QUESTION, 24, "<s>{user}\n{assistant}B.</s>"),  # an odd token is the answer's
        (QUESTION, 22, "<s>{user}{assistant}.</s>"),
        (QUESTION, 21, ""),
        (TALK, 32, "<s>{user}hird?{assistant}Three.</s>"),
        (TALK, 51, "<s>{system}{user}third?{assistant}Three.</s>"),
        (TALK, 82, "<s>{system}{user}third?{assistant}Three.</s>"),
        (TALK, 83, "<s>{system}{user}second?{assistant}Two.{next}{user}third?{assistant}Three.</s>"),
    ],
)
def test_keep_end_leaves_marks_and_ends(letters: Any, record: Alpaca, tokens: int, text: str) -> None:
    ids, _ = encode(record, letters, cutoff=tokens, policy="keep_end")
    assert "".join(letters.convert_ids_to_tokens(ids)) == text.format(**MARKS)


said = st.text("ab病药。\n ", min_size=1, max_size=30)
alpacas = st.builds(
    Alpaca,
    said,
    st.just(""),
    said,
    st.lists(st.tuples(said, said), max_size=3).map(tuple),
    st.just("") | said,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(alpacas, st.integers(1, 250), st.booleans(), st.sampled_from(list(TEMPLATES)), st.data())
def test_no_policy_exceeds_the_cutoff_or_loses_or_invents_a_token(
    letters: Any, record: Alpaca, tokens: int, mask: bool, template: str, data: st.DataObject
) -> None:
    policy = data.draw(st.sampled_from(list(cutoff.POLICIES)))
    ids, labels = encode(record, letters, template, tokens, mask, policy=policy)
    whole = list(zip(*encode(record, letters, template, 4096, mask), strict=True))
    kept = list(zip(ids, labels, strict=True))
    rest = iter(whole)
    assert all(pair in rest for pair in kept)  # in the same order, each with its own label
    assert len(kept) <= tokens
    assert kept == whole or len(whole) > tokens
    if policy == "drop":
        assert kept in ([], whole)
    if policy == "keep_end" and kept:
        assert kept[0] == whole[0] and kept[-2:] == whole[-2:]


def test_the_last_turn_loses_no_more_than_it_must(letters: Any) -> None:
    last = encode(Alpaca("q" * 30, "", "a" * 30), letters, policy="keep_end")[0]
    talk = Alpaca("q" * 30, "", "a" * 30, (("q", "a"),))
    for tokens in range(22, len(last)):
        assert len(encode(talk, letters, cutoff=tokens, policy="keep_end")[0]) == tokens
    assert encode(talk, letters, cutoff=len(last), policy="keep_end")[0] == last


@pytest.mark.parametrize("value", [0, -1, 1.5, "512", True, None])
def test_a_cutoff_that_is_no_length_is_refused(value: object) -> None:
    with pytest.raises(SettingError, match=f"cutoff={value}"):
        cutoff.check(value)  # type: ignore[arg-type]


def test_a_policy_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingError, match=r"cutoff_policy=keep_all.*llamafactory, drop, keep_end"):
        cutoff.check(512, "keep_all")
