"""Prompts read side by side: padded on the left, their keys and values kept as far as they are read on.

    shared     pad   prompt      fed          what the rows attend to (mask)
    ▓▓▓▓▓▓     ░░░   ▓▓▓▓▓▓▓▓    ▓ ▓          1 1 1 1 1 1  0 0 0  1 1 1 1 1 1 1 1  1 1
    ▓▓▓▓▓▓           ▓▓▓▓▓▓▓▓▓▓▓ ▓ ░          1 1 1 1 1 1  1 1 1 1 1 1 1 1 1 1 1   1 0
    once             one pass    step by step; what turns out wrong is masked again

All rows end in the last column, so logits are computed for the columns asked for and no others. Padding and
whatever was forgotten has no weight, and positions count real tokens alone: a row reads as it does by itself.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class Shared:
    """The keys and values of tokens that several rows begin with, computed once."""

    def __init__(self, net: Any, ids: Sequence[int]) -> None:
        cache = DynamicCache(config=net.config)
        ids_1P = torch.tensor([list(ids)], device=net.device)
        net(input_ids=ids_1P, past_key_values=cache, use_cache=True, logits_to_keep=1)
        self.length = len(ids)
        self.layers = [(layer.keys, layer.values) for layer in cache.layers]

    def cache(self, rows: int, net: Any, kept: bool) -> DynamicCache:
        """A cache that begins with them for each of `rows`; not `kept`, it forgets what is added."""
        cache = DynamicCache(config=net.config)
        cache.layers = [_begun(keys, values, rows, kept) for keys, values in self.layers]
        return cache


def can_share(net: Any) -> bool:
    """Whether every layer keeps all it has seen; sliding windows and recurrent states do not."""
    layers = DynamicCache(config=net.config).layers
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)


class Rows:
    """B prompts of token ids on one net, and what has been read of them."""

    def __init__(
        self, net: Any, prompts: Sequence[Sequence[int]], shared: Shared | None, kept: bool, pad_id: int
    ) -> None:
        self.net, self.pad_id, self._waiting = net, pad_id, [list(ids) for ids in prompts]
        begun = shared.length if shared else 0
        self._mask_BK = torch.ones(len(prompts), begun, dtype=torch.long)
        self._cache = shared.cache(len(prompts), net, kept) if shared else None
        if kept and self._cache is None:
            self._cache = DynamicCache(config=net.config)

    def start(self, reading: int = 1) -> Tensor:
        """Read the prompts; logits [B, reading, V] of their last tokens."""
        return self.feed(self._waiting, reading)

    def feed(self, tokens: Sequence[Sequence[int]], reading: int | None = None) -> Tensor:
        """Read on with some tokens for each row; logits [B, N, V] of the last `reading` columns or all."""
        longest = max(len(one) for one in tokens)
        ids_BN = torch.full((len(tokens), longest), self.pad_id)
        real_BN = torch.zeros_like(ids_BN)
        for row, one in enumerate(tokens):
            ids_BN[row, longest - len(one) :] = torch.tensor(one)
            real_BN[row, longest - len(one) :] = 1
        self._mask_BK = torch.cat([self._mask_BK, real_BN], 1)
        positions_BN = (self._mask_BK.cumsum(1)[:, -longest:] - 1).clamp(min=0)
        device = self.net.device
        whole = bool(self._mask_BK.all())  # no mask: attention takes its faster way
        logits_BNV: Tensor = self.net(
            input_ids=ids_BN.to(device),
            attention_mask=None if whole else self._mask_BK.to(device),
            position_ids=positions_BN.to(device),
            past_key_values=self._cache,
            use_cache=self._cache is not None,
            logits_to_keep=reading or longest,
        ).logits
        return logits_BNV

    def forget(self, counts: Sequence[int]) -> None:
        """Leave the last tokens of each row out of all that follows."""
        for row, count in enumerate(counts):
            if count:
                self._mask_BK[row, -count:] = 0

    def select(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone."""
        chosen = torch.tensor(list(rows))
        self._mask_BK = self._mask_BK[chosen]
        if self._cache is not None:
            self._cache.batch_select_indices(chosen.to(self.net.device))


class _Lent(DynamicLayer):
    """Begins with shared keys and values; what a forward pass adds is used in it and not kept."""

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        return torch.cat([self.keys, key_states], -2), torch.cat([self.values, value_states], -2)


def _begun(keys_1HPD: Tensor, values_1HPD: Tensor, rows: int, kept: bool) -> DynamicLayer:
    layer = DynamicLayer() if kept else _Lent()
    layer.lazy_initialization(keys_1HPD, values_1HPD)
    layer.keys, layer.values = (one.expand(rows, -1, -1, -1) for one in (keys_1HPD, values_1HPD))
    return layer
