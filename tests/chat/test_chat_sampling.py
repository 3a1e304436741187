"""Sampling from a small random net."""

from typing import Any

import pytest
import torch

from csft.chat import Sampled, sample
from csft.chat.sampling import SEED, TEMPERATURE, TOP_P

PROMPTS = [[1, 5, 6, 7], [1, 9], [1, 4, 4, 8, 8, 8, 3]]
STOPS = [2, 3]


@pytest.fixture(scope="module")
def net() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=24, attention_dropout=0.5, **sizes))


def answers(net: Any, budget: int = 10_000, limit: int = 20) -> list[Sampled]:
    return sample(net, PROMPTS, stops=STOPS, pad_id=2, max_new_tokens=limit, batch_tokens=budget)


def test_answers_depend_on_nothing_that_ran_before(net: Any) -> None:
    net.train()
    first = answers(net)
    torch.manual_seed(99)
    torch.rand(7)
    state = torch.get_rng_state()
    assert answers(net) == first
    assert torch.equal(torch.get_rng_state(), state)
    assert net.training  # and dropout was off all the same
    assert len(set(first)) == len(PROMPTS)


def test_an_answer_is_what_transformers_draws_up_to_a_stop(net: Any) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        (written,) = net.eval().generate(
            input_ids=torch.tensor(PROMPTS[:1]),
            attention_mask=torch.ones(1, len(PROMPTS[0]), dtype=torch.long),
            do_sample=True,
            temperature=TEMPERATURE,
            top_p=TOP_P,
            top_k=0,
            max_new_tokens=20,
            eos_token_id=STOPS,
            pad_token_id=2,
        )
    said = written.tolist()[len(PROMPTS[0]) :]
    end = next((at for at, token in enumerate(said) if token in STOPS), None)
    (one,) = sample(net, PROMPTS[:1], stops=STOPS, pad_id=2, max_new_tokens=20, batch_tokens=99)
    assert one == Sampled(tuple(said[:end]), end is not None)


def test_a_models_own_habits_do_not_bend_the_draw(net: Any) -> None:
    first = answers(net)
    own = net.generation_config
    try:
        net.generation_config = type(own)(top_k=1, repetition_penalty=9.0, eos_token_id=11, do_sample=False)
        assert answers(net) == first
    finally:
        net.generation_config = own


def test_answers_stop_at_the_limit_and_come_in_the_order_asked(net: Any) -> None:
    short = answers(net, limit=1)
    assert all(len(one.ids) == (0 if one.finished else 1) for one in short)
    alone = answers(net, budget=1)
    by_hand = [
        sample(net, [prompt], stops=STOPS, pad_id=2, max_new_tokens=20, batch_tokens=1) for prompt in PROMPTS
    ]
    assert alone[2] == by_hand[2][0]  # the longest is drawn first, from the same seed
    assert not any(token in STOPS for one in alone for token in one.ids)
