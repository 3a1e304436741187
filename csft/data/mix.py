"""Which records a trial trains on: weights per dataset, a limit per dataset, a seed."""

import math
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from csft.errors import SettingError

Indices = NDArray[np.int64]


def draw(
    weights: Mapping[str, float],
    sizes: Mapping[str, int],
    max_records: int | None = None,
    seed: int = 42,
    epoch: int = 0,
) -> list[tuple[str, Indices]]:
    """Record numbers per dataset, in the order of `weights`.

    First `max_records` takes a seeded sample of at most that many records of each dataset (the paper's
    `max_samples`), the same in every epoch. Then a weight of w takes floor(w) copies of what is left and
    a seeded sample, anew in every epoch, for the fraction. A dataset's draw depends on no other dataset.
    """
    _check(weights, sizes, max_records)
    drawn = [
        (name, _draw_one(weight, sizes[name], max_records, [seed, zlib.crc32(name.encode())], epoch))
        for name, weight in weights.items()
    ]
    drawn = [(name, indices) for name, indices in drawn if len(indices)]
    if not drawn:
        raise SettingError(
            "mix", dict(weights), "at least one dataset with a weight above 0 and with records"
        )
    return drawn


def _draw_one(weight: float, size: int, max_records: int | None, key: list[int], epoch: int) -> Indices:
    pool = np.arange(size, dtype=np.int64)
    if max_records is not None and size > max_records:
        pool = np.sort(np.random.default_rng([*key, 0]).choice(size, max_records, replace=False))
    copies, part = int(weight), round((weight - int(weight)) * len(pool))
    extra = np.sort(np.random.default_rng([*key, 1, epoch]).choice(len(pool), part, replace=False))
    return np.concatenate([np.tile(pool, copies), pool[extra]])


def _check(weights: Mapping[str, float], sizes: Mapping[str, int], max_records: int | None) -> None:
    for name, weight in weights.items():
        if name not in sizes:
            raise SettingError("mix", name, f"datasets that were prepared: {', '.join(sizes) or 'none'}")
        if not math.isfinite(weight) or weight < 0:
            raise SettingError(f"mix.{name}", weight, "a number of copies, 0 or more")
    if max_records is not None and max_records < 1:
        raise SettingError(
            "max_records", max_records, "a whole number of records, at least 1, or null for all"
        )
