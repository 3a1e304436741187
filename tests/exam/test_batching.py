"""Batches: everything once, within the limits, common beginnings apart, rounds in exam order."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from exam_helpers import make_net, make_question
from hypothesis import given
from hypothesis import strategies as st

from csft.cmb import Question
from csft.exam import Asking, question_text, take
from csft.exam.batching import HELD, WORTH_TOKENS, Batch, Limits, common, plan
from csft.rows import Begun, Rows, Shared, can_share


def ids(*lengths: int, beginning: int = 0) -> list[Any]:
    start = np.arange(1000, 1000 + beginning, dtype=np.int32)
    return [np.concatenate([start, np.full(length, row, np.int32)]) for row, length in enumerate(lengths)]


@given(
    st.lists(st.integers(1, 90), min_size=1, max_size=60),
    st.integers(1, 400),
    st.none() | st.integers(1, 9),
    st.integers(1, 5),
    st.integers(0, 40),
)
def test_every_row_once_and_within_the_limits(
    lengths: list[int], tokens: int, rows: int | None, rounds: int, longer: int
) -> None:
    prompts = ids(*lengths)
    made = plan(prompts, [n % 3 for n in range(len(lengths))], Limits(tokens, rows, longer), rounds)
    assert sorted(itertools.chain(*(batch.rows for batch in made))) == list(range(len(lengths)))
    for batch in made:
        longest = max(lengths[row] for row in batch.rows)
        assert rows is None or len(batch.rows) <= rows
        if len(batch.rows) > 1:
            assert len(batch.rows) * longest <= tokens
            assert len(batch.rows) * (longest + longer) <= HELD * tokens


def begun(batches: list[Batch]) -> list[int]:
    """How many tokens of each batch's first row are computed elsewhere."""
    return [batch.begun_tokens(0) for batch in batches]


def test_a_beginning_is_shared_where_that_is_worth_a_pass() -> None:
    few = WORTH_TOKENS // 100
    prompts = ids(*[30] * (few + 12), beginning=100)
    families = ["a"] * (few + 2) + ["b"] * 10
    assert begun(plan(prompts, families, Limits(10**6))) == [100, 0]
    assert begun(plan(prompts, families, Limits(10**6), share=False)) == [0]
    # what is shared is held for every row, so that it counts too
    sizes = [len(b.rows) for b in plan(prompts, ["a"] * len(prompts), Limits(650))]
    assert max(sizes) == HELD * 650 // 130


def test_the_common_beginning_leaves_each_row_a_token() -> None:
    assert common([np.array([1, 2, 3]), np.array([1, 2, 3])]) == 2
    assert common([np.array([1, 2, 3]), np.array([1, 2])]) == 1
    assert common([np.array([1, 2, 3, 4]), np.array([1, 9, 3, 4])]) == 1
    assert common([np.array([5]), np.array([5, 6])]) == 0


@pytest.mark.parametrize("protocol", ["logits", "generate"])
def test_answers_are_the_same_with_and_without_sharing(
    net: Any, tokenizer: Any, wrap: Any, protocol: str, monkeypatch: Any
) -> None:
    alike = [make_question(28 * n, "ABD" if n % 4 == 3 else "AC"[n % 2]) for n in range(16)]
    asking = Asking(protocol, max_new_tokens=5)
    apart = take(net, tokenizer, alike, wrap, asking=asking)
    computed: list[int] = []
    start = Shared.__init__

    def counted(self: Shared, net: Any, beginnings: Any, owners: Any) -> None:
        computed.extend(map(len, beginnings))
        start(self, net, beginnings, owners)

    monkeypatch.setattr(Shared, "__init__", counted)
    monkeypatch.setattr("csft.exam.batching.WORTH_TOKENS", 50)
    shared = take(net, tokenizer, alike, wrap, asking=asking, batch_rows=3)
    assert computed and min(computed) > 10
    assert len(computed) <= 2  # once for each kind of question, however many batches
    for one, other in zip(shared, apart, strict=True):
        assert (one.letters, one.text) == (other.letters, other.text)
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


def test_questions_that_share_nothing_come_after_those_that_do(
    net: Any, tokenizer: Any, wrap: Any, monkeypatch: Any
) -> None:
    mixed = [make_question(28 * n, "A") for n in range(12)] + [make_question(n, "BC") for n in range(1, 4)]
    apart = take(net, tokenizer, mixed, wrap)
    monkeypatch.setattr("csft.exam.batching.WORTH_TOKENS", 100)
    prompts = [np.array(ids) for ids in wrap([((), question_text(one)) for one in mixed])]
    tokens = begun(plan(prompts, [one.question_type + one.exam_class for one in mixed], Limits(8192)))
    assert tokens[0] > 0 and tokens[-1] == 0
    for rounds in (1, 2):
        shared = take(net, tokenizer, mixed, wrap, rounds=rounds)
        assert [one.letters for one in shared] == [one.letters for one in apart]


def test_a_net_whose_layers_forget_shares_nothing(
    tokenizer: Any, questions: list[Question], wrap: Any, monkeypatch: Any
) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    config = MistralConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, sliding_window=24, pad_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    sliding = MistralForCausalLM(config).eval()
    assert can_share(make_net(len(tokenizer))) and not can_share(sliding)
    monkeypatch.setattr("csft.exam.batching.WORTH_TOKENS", 1)
    many = take(sliding, tokenizer, questions, wrap)
    alone = take(sliding, tokenizer, questions, wrap, batch_rows=1)
    assert [one.letters for one in many] == [one.letters for one in alone]


def test_what_is_forgotten_weighs_nothing(net: Any) -> None:
    def last(rows: Rows, tokens: list[list[int]]) -> torch.Tensor:
        return rows.feed(tokens, reading=1)[:, -1]

    with torch.inference_mode():
        rows = Rows(net, Begun([[5, 6, 7], [8, 9]]), True, 2)
        rows.start()
        rows.feed([[11, 12, 13], [14]])
        rows.forget([2, 0])
        rows.select([1, 0])
        got = last(rows, [[15], [16]])
        for place, row in enumerate(([8, 9, 14, 15], [5, 6, 7, 11, 16])):
            alone = net(torch.tensor([row]), use_cache=False).logits[0, -1]
            assert torch.allclose(got[place], alone, atol=1e-5)
