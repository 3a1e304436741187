"""Answers as a person would get them: drawn at random, token by token.

    probabilities  ▇▆▅▃▂▁▁▁   temperature, then the likeliest tokens that hold TOP_P of the whole (nucleus
                   ───────    sampling, Holtzman et al. 2020): transformers' warpers draw from the same
        luck          ↑       where in it, from 0 to 1: a question's own numbers, the same for every net

Imports torch and transformers at the top: reach it through `csft.chat.sample`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from csft.chat.sampled import Drawing, Sampled
from csft.evaluating import evaluating
from csft.files import hash_value
from csft.filling import HELD, at_once, within
from csft.rows import Begun, Rows, can_share

# What the model card of InternLM2 draws with; no other rule bends the distribution.
TEMPERATURE, TOP_P = 0.8, 0.8
SEED = 2718  # fixed: two models are compared with the same luck


def sample(net: Any, prompts: Sequence[Sequence[int]], drawing: Drawing) -> list[Sampled]:
    """One answer to each prompt (token ids), in their order.

    An answer depends on its prompt and the net alone, but for floating-point noise. torch's random state and
    the net's mode stay as they were.
    """
    with evaluating(net):
        return _sampled(net, [_Asked(ids) for ids in prompts], drawing, joint=False)


def sample_together(
    net: Any, members: Sequence[int], prompts: Sequence[Sequence[int]], drawing: Drawing
) -> dict[int, list[Sampled]]:
    """The same answers of several adapters on one base, which take their steps together.

    `net` is a `csft.model.Joint` of the `members`.
    """
    with evaluating(net):
        asked = [_Asked(ids, one) for one in members for ids in prompts]
        answers = iter(_sampled(net, asked, drawing, joint=True))
    return {one: [next(answers) for _ in prompts] for one in members}


class _Asked(NamedTuple):
    """A prompt, and whose answer it is to be where several answer."""

    ids: Sequence[int]
    owner: int = 0


def _sampled(net: Any, asked: Sequence[_Asked], drawing: Drawing, joint: bool) -> list[Sampled]:
    answers: dict[int, Sampled] = {}
    lengths = [len(one.ids) + drawing.max_new_tokens for one in asked]
    for batch in within(HELD * drawing.batch_tokens, lengths):
        batch.sort(key=lambda at: asked[at].owner)  # a member's rows stand together
        drawn = _drawn(net, [asked[at] for at in batch], drawing, joint)
        answers |= dict(zip(batch, drawn, strict=True))
    return [answers[at] for at in range(len(asked))]


def _drawn(net: Any, asked: Sequence[_Asked], drawing: Drawing, joint: bool) -> list[Sampled]:
    """The answers to one batch; those that are over leave it."""
    written: list[list[int]] = [[] for _ in asked]
    luck_BS = torch.stack([_luck(one.ids, drawing.max_new_tokens) for one in asked])
    rows, logits_BV = _read(net, asked, drawing, joint)
    going = list(range(len(asked)))
    for step in range(drawing.max_new_tokens):
        tokens = draw(logits_BV, luck_BS[going, step]).tolist()
        for row, token in zip(going, tokens, strict=True):
            written[row].append(token)
        on = [place for place, token in enumerate(tokens) if token not in drawing.stops]
        if not on or step + 1 == drawing.max_new_tokens:
            break
        if len(on) < len(going):
            rows.select(on)
            going = [going[place] for place in on]
        logits_BV = rows.feed([[written[row][-1]] for row in going], reading=1)[:, -1]
    return [_cut(ids, drawing.stops) for ids in written]


def _read(net: Any, asked: Sequence[_Asked], drawing: Drawing, joint: bool) -> tuple[Rows, Tensor]:
    """All prompts read, a few at a time, and the logits of what follows them, [B, V]."""
    lengths = [len(one.ids) for one in asked]
    # What is kept by layers of another kind cannot be joined.
    limit = at_once(drawing.batch_tokens, net.device) if can_share(net) else len(asked) * max(lengths)
    order, parts, logits = [], [], []
    for part in within(limit, lengths):
        part.sort()
        owners = [asked[at].owner for at in part] if joint else None
        parts.append(Rows(net, Begun([asked[at].ids for at in part], owners=owners), True, drawing.pad_id))
        logits.append(parts[-1].start()[:, -1])
        order += part
    rows, places = Rows.joined(parts), sorted(range(len(order)), key=order.__getitem__)
    rows.select(places)
    return rows, torch.cat(logits)[places]


def draw(logits_BV: Tensor, luck_B: Tensor) -> Tensor:
    """The token that each row's luck, from 0 to 1, falls on."""
    sorted_BV, tokens_BV = (logits_BV.float() / TEMPERATURE).softmax(-1).sort(dim=-1, descending=True)
    before_BV = sorted_BV.cumsum(-1) - sorted_BV
    ends_BV = (sorted_BV * (before_BV < TOP_P)).cumsum(-1)
    held_B1 = ends_BV[:, -1:]
    at_B1 = (ends_BV <= luck_B.to(ends_BV)[:, None] * held_B1).sum(-1, keepdim=True)
    last_B1 = (before_BV < TOP_P).sum(-1, keepdim=True) - 1
    return tokens_BV.gather(-1, torch.minimum(at_B1, last_B1))[:, 0]


def _luck(ids: Sequence[int], steps: int) -> Tensor:
    """A prompt's own numbers, one for each token of its answer."""
    seed = int(hash_value([SEED, list(ids)])[:15], 16)
    return torch.rand(steps, generator=torch.Generator().manual_seed(seed))


def _cut(ids: list[int], stops: Sequence[int]) -> Sampled:
    end = next((at for at, token in enumerate(ids) if token in stops), None)
    return Sampled(tuple(ids[:end]), end is not None)
