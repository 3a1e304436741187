"""Sampling from small random nets."""

from collections import Counter
from typing import Any

import pytest
import torch
from several_adapters import Adapter, put_together

from csft.chat import Drawing, Sampled, sample, sample_together
from csft.chat.sampling import TEMPERATURE, TOP_P, draw
from csft.model.joint import Joint

PROMPTS = [[1, 5, 6, 7], [1, 9], [1, 4, 4, 8, 8, 8, 3], [1, 9, 9]]
STOPS = [2, 23]


def make_net(**settings: Any) -> Any:
    from transformers import MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    sizes = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "initializer_range": 0.3,
    }
    config = MistralConfig(
        vocab_size=24,
        attention_dropout=0.5,
        num_key_value_heads=1,
        **{"sliding_window": None, **settings},
        **sizes,
    )
    return MistralForCausalLM(config)


@pytest.fixture(scope="module")
def net() -> Any:
    return make_net()


def answers(net: Any, budget: int = 10_000, limit: int = 20) -> list[Sampled]:
    return sample(net, PROMPTS, Drawing(STOPS, 2, limit, budget))


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


@pytest.mark.parametrize("settings", [{}, {"sliding_window": 6}])
def test_an_answer_is_that_of_its_prompt_alone(settings: dict[str, Any], monkeypatch: Any) -> None:
    net = make_net(**settings)
    alone = [sample(net, [prompt], Drawing(STOPS, 2, 20, 1)) for prompt in PROMPTS]
    assert len({len(one.ids) for (one,) in alone}) > 2  # they leave one after another
    for budget in (1, 30, 10_000):
        assert answers(net, budget) == [one for (one,) in alone]
    monkeypatch.setattr("csft.filling.CACHED_TOKENS", 8)  # prompts are read in parts
    assert answers(net) == [one for (one,) in alone]


def test_a_net_that_is_read_on_draws_what_it_would_draw_afresh(net: Any) -> None:
    """Token by token through the whole net, without cache, padding or neighbours."""
    net.eval()
    for prompt, one in zip(PROMPTS, answers(net), strict=True):
        ids = [*prompt]
        for token in one.ids:
            with torch.no_grad():
                logits = net(torch.tensor([ids]), use_cache=False).logits[:, -1]
            reachable = {int(draw(logits, torch.tensor([luck]))) for luck in torch.linspace(0, 1, 99)}
            assert token in reachable
            ids.append(token)


def test_what_is_drawn_is_what_transformers_draws_from() -> None:
    from transformers import TemperatureLogitsWarper, TopPLogitsWarper

    torch.manual_seed(4)
    logits = torch.randn(3, 30) * 3
    warped = TopPLogitsWarper(TOP_P)(None, TemperatureLogitsWarper(TEMPERATURE)(None, logits))  # type: ignore[arg-type]
    expected = warped.softmax(-1)
    lucks = (torch.arange(20_000) + 0.5) / 20_000
    for row in range(3):
        drawn = Counter(draw(logits[row].expand(len(lucks), -1), lucks).tolist())
        for token in range(30):
            assert drawn[token] / len(lucks) == pytest.approx(float(expected[row, token]), abs=2e-4)
    assert draw(logits, torch.tensor([0.0, 1.0, 1.0])).tolist()[0] == int(logits[0].argmax())


def test_answers_stop_at_the_limit_and_come_in_the_order_asked(net: Any) -> None:
    short = answers(net, limit=1)
    assert all(len(one.ids) == (0 if one.finished else 1) for one in short)
    whole = answers(net)
    assert [one.ids[:1] for one in whole] == [one.ids for one in short]
    assert not any(token in STOPS for one in whole for token in one.ids)
    assert all(one.finished or len(one.ids) == 20 for one in whole)


@pytest.mark.parametrize("budget", [1, 60, 10_000])
def test_several_adapters_answer_as_alone(budget: int, monkeypatch: Any) -> None:
    base = make_net()
    together, nets = put_together(base, {member: Adapter(member, 8, 0.5) for member in (5, 2, 9)})
    monkeypatch.setattr("csft.filling.CACHED_TOKENS", 12)
    expected = {member: answers(net) for member, net in nets.items()}
    assert sample_together(Joint(together), [5, 2, 9], PROMPTS, Drawing(STOPS, 2, 20, budget)) == expected
    assert len({tuple(one) for one in expected.values()}) == 3
