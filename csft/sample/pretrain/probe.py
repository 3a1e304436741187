"""How well a base answers: facts it was asked, facts it only read, facts it cannot know."""

from random import Random
from typing import Any

from csft.sample import questions
from csft.sample.pretrain.corpus import unasked
from csft.sample.pretrain.drills import exam_prompts
from csft.sample.pretrain.rows import Encoder
from csft.sample.questions import LETTERS, Choice
from csft.sample.world import SEED, Fact, build

_AT_ONCE = 64
_MOST = 200


def accuracy(net: Any, encoder: Encoder) -> dict[str, float]:
    """Percent right on new single-choice questions with five options (chance: 20), by kind of fact."""
    world, rng = build(), Random(SEED)
    single = [fact for fact in world.base_facts if not fact.relation.several]
    rng.shuffle(single)
    kinds = {
        "asked before": [fact for fact in single if not unasked(fact)],
        "only stated before": [fact for fact in single if unasked(fact)],
        "never stated": [fact for fact in world.facts if not fact.relation.several],
    }
    return {
        f"{kind}, {style} prompt": _right(net, encoder, facts[:_MOST], style, rng)
        for kind, facts in kinds.items()
        for style in ("train", "official")
    }


def _right(net: Any, encoder: Encoder, facts: list[Fact], style: str, rng: Random) -> float:
    choices = [questions.ask(fact, build(), rng) for fact in facts]
    prompts = [encoder.prompt(exam_prompts(choice, rng)[style]) for choice in choices]
    said = encoder.pieces.encode("答案是")
    letters = [
        letter
        for at in range(0, len(prompts), _AT_ONCE)
        for letter in _answers(
            net,
            encoder,
            [prompt + said for prompt in prompts[at : at + _AT_ONCE]],
            choices[at : at + _AT_ONCE],
        )
    ]
    return 100 * sum(map(Choice.is_right, choices, letters)) / len(choices)


def _answers(net: Any, encoder: Encoder, rows: list[list[int]], choices: list[Choice]) -> list[str]:
    import torch

    longest = max(map(len, rows))
    ids_BL = torch.tensor([row + [2] * (longest - len(row)) for row in rows])
    ends = [len(row) - 1 for row in rows]
    with torch.no_grad():
        hidden_BLD = net.model(input_ids=ids_BL, use_cache=False).last_hidden_state
        logits_BG = net.lm_head(hidden_BLD[range(len(rows)), ends])[:, encoder.letters()]
    return [
        LETTERS[int(logits_G[: len(choice.options)].argmax())]
        for logits_G, choice in zip(logits_BG, choices, strict=True)
    ]
