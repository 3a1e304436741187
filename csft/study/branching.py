"""Trials of a study that differ only in how they end: who they are, and what keeps them from sharing.

epochs=1   ▓▓▓▓▓▓▓▓
epochs=2   --------▓▓▓▓▓▓▓▓             with train.schedule=constant one training gives all three
epochs=3   ----------------▓▓▓▓▓▓▓▓
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from csft.stages import KEYS, Tail
from csft.study.domains import Interval, Value
from csft.study.parameter import Parameter
from csft.study.space import Space

MOST = 64  # of more siblings the first are looked at
CURE = "train.schedule=constant (or wsd) and train.warmup_updates=N"


def siblings(space: Space, params: Mapping[str, Any], shared: Any) -> list[Tail]:
    """Tails of the trials that differ from the one with `params` in nothing else.

    `shared` is the composed configuration of what all trials have in common. Of an interval the ends are
    taken, and the whole numbers of epochs within it: which of the others there will be, nobody knows.
    """
    fixed = Tail.of(shared)
    mine = space.words(params)
    settings = [word for word in mine if _key(word) not in KEYS]
    walked = (
        words
        for words in _walk(space.parameters, params, {})
        if [word for word in words if _key(word) not in KEYS] == settings
    )
    tails = dict.fromkeys(_tail(fixed, words) for words in islice(walked, MOST))
    return [tail for tail in tails if tail != _tail(fixed, mine)]


def obstacles(space: Space, shared: Any) -> list[str]:
    """Why trials with unlike numbers of epochs do not share a training, and what to set; empty if they do.

    Also empty where the number of epochs is the same in all trials.
    """
    if "epochs" not in space.keys or not shared.study.share:
        return []
    train = shared.train
    found = [
        f"train.schedule={name}: its rate depends on the number of epochs from the first update on, so each "
        f"number is trained from its start. With {CURE} one training gives all of them"
        for name in _values(space, "train.schedule", train.schedule)
        if name in ("cosine", "linear")
    ]
    shares = [one for one in _values(space, "train.warmup", train.warmup) if float(one) > 0]
    by_share = "null" in _values(space, "train.warmup_updates", train.warmup_updates)
    if by_share and shares and not found:
        found.append(
            f"train.warmup={', '.join(shares)} is a share of all updates, so each number of epochs warms up "
            "in its own way and is trained from its start. With train.warmup_updates=N one training gives "
            "all of them"
        )
    if train.validation and _draws_anew(space, shared.mix):
        found.append(
            f"train.validation={train.validation:g} with mix.resample=true holds out other records for each "
            "number of epochs, which is trained from its start. With mix.resample=false, or whole numbers as "
            "weights, one training gives all of them"
        )
    return found


def _draws_anew(space: Space, mix: Any) -> bool:
    """Whether an epoch may have other records than the one before."""
    searched = any(key.startswith(("mix.", "weight")) or key == "mix" for key in space.keys)
    budget = mix.records is not None or mix.tokens is not None or mix.temperature != 1
    parts = any(weight % 1 for weight in mix.datasets.values())
    return bool(mix.resample) and (searched or budget or parts)


def _walk(
    parameters: Sequence[Parameter], params: Mapping[str, Any], given: Mapping[str, str]
) -> Iterator[list[str]]:
    """The words of all trials with these params but for those of tails."""
    if not parameters:
        yield []
        return
    item, *rest = parameters
    if not item.is_there(given):
        yield from _walk(rest, params, given)
        return
    values: Sequence[Value] = [params[item.name]] if item.name in params else []
    if not {*KEYS}.isdisjoint(item.sets):
        values = _ways(item)
    for value in values:
        taken = dict.fromkeys((item.name, *item.keys), item.domain.text(value))
        for words in _walk(rest, params, {**given, **taken}):
            yield [*item.say(value), *words]


def _ways(item: Parameter) -> Sequence[Value]:
    domain = item.domain
    if not isinstance(domain, Interval):
        return domain.values()
    low, high = domain.low, domain.high
    whole = range(math.ceil(low), math.floor(high) + 1) if "epochs" in item.sets else ()
    kind = int if domain.whole else float
    return [kind(value) for value in dict.fromkeys([high, low, *whole])]


def _values(space: Space, key: str, shared: Any) -> list[str]:
    """What trials may have for a setting, as words have it."""
    said = []
    for item in space.parameters:
        if key in item.sets:
            bundles = [word for _, words in item.bundle for word in words]
            texts = bundles or [word for value in _ways(item) for word in item.say(value)]
            said += [word.partition("=")[2] for word in texts if _key(word) == key]
    return said or ["null" if shared is None else str(shared)]


def _tail(fixed: Tail, words: Sequence[str]) -> Tail:
    """A tail with what some words say of it."""
    said: dict[str, Any] = {}
    for word in words:
        name, text = _key(word).rpartition(".")[2], word.partition("=")[2]
        if _key(word) not in KEYS:
            continue
        if name == "schedule":
            said[name] = text
        elif name == "warmup_updates":
            said[name] = None if text == "null" else int(text)
        else:
            said[name] = float(text)
    return replace(fixed, **said)


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+~")
