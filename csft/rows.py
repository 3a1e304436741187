"""Prompts read side by side: padded on the left, their keys and values kept as far as they are read on.

    shared     pad   prompt      fed          what the rows attend to (mask)
    ▓▓▓▓▓▓     ░░░   ▓▓▓▓▓▓▓▓    ▓ ▓          1 1 1 1 1 1  0 0 0  1 1 1 1 1 1 1 1  1 1
    ▒▒▒▒░░           ▓▓▓▓▓▓▓▓▓▓▓ ▓ ░          1 1 1 1 0 0  1 1 1 1 1 1 1 1 1 1 1   1 0
    once each        one pass    step by step; what turns out wrong is masked again

All rows end in the last column, so logits are computed for the columns asked for and no others. Padding and
whatever was forgotten has no weight, and positions count real tokens alone: a row reads as it does by itself.
Rows may be of several nets that are computed in one pass (csft/model/joint.py): each has its owner then.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

Owners = Sequence[int] | None  # the member that each row belongs to; None: all are of one net


class Shared:
    """The keys and values of K beginnings (token ids), each computed once for all rows that begin with it."""

    def __init__(self, net: Any, beginnings: Sequence[Sequence[int]], owners: Owners = None) -> None:
        rows = Rows(net, Begun(beginnings, owners=owners), True, pad_id=0)
        rows.start()
        self.mask_KP: Tensor = rows.mask_BK
        self.layers = [(layer.keys, layer.values) for layer in rows.layers]

    def cache(self, begun: Sequence[int], net: Any, kept: bool) -> DynamicCache:
        """A cache in which row n begins with `begun[n]`; not `kept`, it forgets what is added."""
        cache = DynamicCache(config=net.config)
        rows = torch.tensor(begun, device=net.device)
        cache.layers = [_begun(keys, values, rows, kept) for keys, values in self.layers]
        return cache


class Begun(NamedTuple):
    """Token ids of B prompts, each behind the beginning of that number in `shared`, and their owners."""

    prompts: Sequence[Sequence[int]]
    shared: Shared | None = None
    begun: Sequence[int] = ()
    owners: Owners = None


def can_share(net: Any) -> bool:
    """Whether every layer keeps all it has seen; sliding windows and recurrent states do not."""
    layers = DynamicCache(config=net.config).layers
    return bool(layers) and all(type(layer) is DynamicLayer for layer in layers)


class Rows:
    """B prompts of token ids, and what has been read of them."""

    def __init__(self, net: Any, asked: Begun, kept: bool, pad_id: int) -> None:
        self.net, self.pad_id, self._waiting = net, pad_id, [list(ids) for ids in asked.prompts]
        self._owners = asked.owners
        shared, begun = asked.shared, list(asked.begun)
        self.mask_BK = (
            shared.mask_KP[begun] if shared else torch.ones(len(asked.prompts), 0, dtype=torch.long)
        )
        self._cache = shared.cache(begun, net, kept) if shared else None
        if kept and self._cache is None:
            self._cache = DynamicCache(config=net.config)

    @classmethod
    def joined(cls, parts: Sequence["Rows"]) -> "Rows":
        """What was read in parts, to be read on in one; only where a net `can_share`, and all is kept."""
        if len(parts) == 1:
            return parts[0]
        made = object.__new__(cls)
        made.net, made.pad_id, made._waiting = parts[0].net, parts[0].pad_id, []
        owners = [part._owners for part in parts]
        made._owners = None if owners[0] is None else [one for each in owners for one in each or ()]
        longest = max(part.mask_BK.shape[1] for part in parts)
        made.mask_BK = torch.cat([pad(part.mask_BK, (longest - part.mask_BK.shape[1], 0)) for part in parts])
        made._cache = DynamicCache(config=made.net.config)
        made._cache.layers = [
            _joined(layers, longest) for layers in zip(*(part.layers for part in parts), strict=True)
        ]
        return made

    @property
    def layers(self) -> Sequence[Any]:
        """What is kept of every layer."""
        return self._cache.layers if self._cache is not None else ()

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
        self.mask_BK = torch.cat([self.mask_BK, real_BN], 1)
        positions_BN = (self.mask_BK.cumsum(1)[:, -longest:] - 1).clamp(min=0)
        device = self.net.device
        whole = bool(self.mask_BK.all())  # no mask: attention takes its faster way
        logits_BNV: Tensor = self.net(
            input_ids=ids_BN.to(device),
            attention_mask=None if whole else self.mask_BK.to(device),
            position_ids=positions_BN.to(device),
            past_key_values=self._cache,
            use_cache=self._cache is not None,
            logits_to_keep=reading or longest,
            **({} if self._owners is None else {"owners": self._owners}),
        ).logits
        return logits_BNV

    def forget(self, counts: Sequence[int]) -> None:
        """Leave the last tokens of each row out of all that follows."""
        for row, count in enumerate(counts):
            if count:
                self.mask_BK[row, -count:] = 0

    def select(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone."""
        chosen = torch.tensor(list(rows))
        self.mask_BK = self.mask_BK[chosen]
        if self._owners is not None:
            self._owners = [self._owners[row] for row in rows]
        if self._cache is not None:
            self._cache.batch_select_indices(chosen.to(self.net.device))


class _Lent(DynamicLayer):
    """Begins with shared keys and values; what a forward pass adds is used in it and not kept."""

    rows: Tensor  # the beginning of each row, [B]

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        keys, values = (_spread(one, self.rows) for one in (self.keys, self.values))
        return torch.cat([keys, key_states], -2), torch.cat([values, value_states], -2)


def _begun(keys_KHPD: Tensor, values_KHPD: Tensor, rows: Tensor, kept: bool) -> DynamicLayer:
    layer = DynamicLayer() if kept else _Lent()
    layer.lazy_initialization(keys_KHPD, values_KHPD)
    if isinstance(layer, _Lent):  # spread in the pass, a layer at a time
        layer.keys, layer.values, layer.rows = keys_KHPD, values_KHPD, rows
    else:
        layer.keys, layer.values = (_spread(one, rows) for one in (keys_KHPD, values_KHPD))
    return layer


def _joined(layers: Sequence[Any], longest: int) -> DynamicLayer:
    """Keys and values of all rows, left of which nothing is where a part is shorter."""
    made = DynamicLayer()
    made.lazy_initialization(layers[0].keys, layers[0].values)
    for name in ("keys", "values"):
        parts = [getattr(layer, name) for layer in layers]
        setattr(made, name, torch.cat([pad(one, (0, 0, longest - one.shape[-2], 0)) for one in parts]))
    return made


def _spread(one_KHPD: Tensor, rows: Tensor) -> Tensor:
    """The keys or values of each row's beginning, [B, H, P, D]."""
    return one_KHPD.expand(len(rows), -1, -1, -1) if len(one_KHPD) == 1 else one_KHPD[rows]
