"""Which records an epoch trains on: weights, temperature, budgets, filters, a seed.

Of dataset d, n records (or tokens, under a token budget) may be drawn and its weight is w. Its share is

    share = w * n^(1/T) / sum over datasets        T = temperature

and it gives `share * total`, where total is the budget, or sum(w * n) without one. At T = 1 a weight is
therefore copies per epoch, and datasets of equal weight are drawn in proportion to their size (the
stratified baseline of a mixture study); at T = inf the weights are the shares themselves.
"""

import math
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from csft.config import Mix
from csft.data.catalog import DATASETS
from csft.errors import SettingError

Indices = NDArray[np.int64]


def chosen(mix: Mix) -> list[str]:
    """The mix's datasets with a weight above 0 that pass its language and style filters."""
    names = [
        name
        for name, weight in mix.datasets.items()
        if weight
        and (not mix.styles or DATASETS[name].style in mix.styles)
        and (not mix.languages or not set(mix.languages).isdisjoint(DATASETS[name].language.split("+")))
    ]
    if not names:
        raise SettingError(
            "mix.languages and mix.styles",
            [*mix.languages, *mix.styles],
            f"filters that leave one of {', '.join(mix.datasets)}",
        )
    return names


def draw(
    mix: Mix,
    sizes: Mapping[str, int],
    seed: int = 42,
    epoch: int = 0,
    tokens: Mapping[str, Indices] | None = None,
) -> dict[str, Indices]:
    """Positions 0 to `sizes[name] - 1` that an epoch draws of each dataset, whole copies first.

    `tokens` has every position's cost and is needed for a token budget, which is filled as far as whole
    records go. `mix.max_records` is a sample that stays the same in every epoch (the paper's `max_samples`);
    what is drawn beyond whole copies is drawn anew in every epoch, unless `mix.resample` is off. Of one seed
    and epoch, a smaller amount is always part of a larger one.
    """
    epoch = epoch if mix.resample else 0
    keys = {name: (seed, zlib.crc32(name.encode())) for name in sizes}
    pools = {name: _limited(size, mix.max_records, keys[name]) for name, size in sizes.items()}
    costs = {name: _costs(mix, pool, name, tokens) for name, pool in pools.items()}
    wanted = _whole(amounts(mix, {name: int(cost.sum()) for name, cost in costs.items()}), mix.records)
    drawn = {
        name: _take(pools[name], costs[name], amount, (*keys[name], epoch)) for name, amount in wanted.items()
    }
    drawn = {name: indices for name, indices in drawn.items() if len(indices)}
    if not drawn:
        raise SettingError("mix", dict(mix.datasets), "weights and budgets that draw at least one record")
    return drawn


def amounts(mix: Mix, sizes: Mapping[str, int]) -> dict[str, float]:
    """How much of each dataset an epoch takes, in the unit of `sizes` (records, or tokens)."""
    weights = {name: mix.datasets[name] for name in sizes}
    pulls = {
        name: weight * sizes[name] ** (1 / mix.temperature) if sizes[name] else 0.0
        for name, weight in weights.items()
    }
    total: float | None = mix.tokens if mix.records is None else mix.records
    if total is None:
        if mix.temperature == 1:
            return pulls  # exact: no dataset's amount depends on another's
        total = math.fsum(weight * sizes[name] for name, weight in weights.items())
    whole = math.fsum(pulls.values())
    return {name: total * pull / whole if whole else 0.0 for name, pull in pulls.items()}


def _whole(wanted: Mapping[str, float], budget: int | None) -> dict[str, int]:
    """Rounded amounts; those of a budget add up to it: the largest remainders are rounded up."""
    if budget is None:
        return {name: round(amount) for name, amount in wanted.items()}
    floors = {name: math.floor(amount) for name, amount in wanted.items()}
    by_remainder = sorted(wanted, key=lambda name: floors[name] - wanted[name])
    up = by_remainder[: budget - sum(floors.values())]
    return {name: floor + (name in up) for name, floor in floors.items()}


def _limited(size: int, limit: int | None, key: tuple[int, ...]) -> Indices:
    everything = np.arange(size, dtype=np.int64)
    if limit is None or size <= limit:
        return everything
    return np.sort(np.random.default_rng([*key, 0]).choice(everything, limit, replace=False))


def _costs(mix: Mix, pool: Indices, name: str, tokens: Mapping[str, Indices] | None) -> Indices:
    """What each record of a pool takes from the budget."""
    if mix.tokens is None:
        return np.ones(len(pool), dtype=np.int64)
    if tokens is None:
        raise SettingError("mix.tokens", mix.tokens, "null where the records' tokens are not known")
    return np.asarray(tokens[name][pool], dtype=np.int64)


def _take(pool: Indices, costs: Indices, amount: int, key: tuple[int, ...]) -> Indices:
    """Whole copies of the pool, then the beginning of a seeded order as far as the amount goes."""
    size = int(costs.sum())
    if not size:
        return pool[:0]
    copies, rest = divmod(amount, size)
    order = np.random.default_rng([*key[:2], 1, *key[2:]]).permutation(len(pool))
    part = int(np.searchsorted(np.cumsum(costs[order]), rest, side="right"))
    return np.concatenate([np.tile(pool, copies), pool[np.sort(order[:part])]])
