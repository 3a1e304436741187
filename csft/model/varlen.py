"""Attention that computes each record of a packed row by itself: no mask, and no work between records.

    positions  0 1 2 0 1 0 1 2 3      bounds  0 3 5 9      sizes  3 2 4

    scores     ■ . . . . . . . .      sdpa fills all of this square and masks most of it out again;
               ■ ■ . . . . . . .      here only the blocks on its diagonal are computed: by torch's variable
               ■ ■ ■ . . . . . .      length flash-attention on a GPU, elsewhere by one causal call for all
               . . . ■ . . . . .      records of like length (csft/model/alike.py).
               . . . ■ ■ . . . .
               . . . . . ■ . . .

Whatever else a model is asked for (rows of one record, padding, a key-value cache, sliding windows) goes to
transformers' own sdpa unchanged. Imports torch and transformers at the top: import this module only where
they are used anyway.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import varlen
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from csft.errors import ModelError
from csft.model.alike import Groups
from csft.model.choosing import VARLEN

_NOT_COMPUTED = ("softcap", "s_aux", "position_bias")  # parts of some models' attention


@dataclass(frozen=True)
class Records:
    """Where the records of a batch begin and end, its rows laid end to end; takes the place of a mask."""

    bounds: Tensor  # [records + 1], int32, on the model's device
    sizes: tuple[int, ...]  # tokens of each record

    @cached_property
    def groups(self) -> Groups:
        """Those of like length, for all layers."""
        return Groups.of(self.sizes, self.bounds.device)


@cache
def register() -> None:
    """Teach transformers `attn_implementation="sdpa_varlen"`, once per process."""
    AttentionInterface.register(VARLEN, attend)
    AttentionMaskInterface.register(VARLEN, find_records)


def find_records(
    batch_size: int,
    q_length: int,
    kv_length: int,
    *,
    mask_function: Callable[..., Tensor],
    attention_mask: Tensor | None = None,
    local_size: int | None = None,
    allow_is_causal_skip: bool = True,
    use_vmap: bool = False,
    device: torch.device | str = "cpu",
    **others: Any,
) -> Records | Tensor | None:
    """The records of a packed batch, once per forward pass; for any other batch sdpa's mask or None.

    transformers tells packing by positions that begin anew, and then forbids sdpa to leave the mask out.
    """
    plain = attention_mask is None and local_size is None and not use_vmap
    if plain and not allow_is_causal_skip and q_length == kv_length:
        return _records(mask_function, batch_size, q_length, device)
    mask: Tensor | None = sdpa_mask(
        batch_size,
        q_length,
        kv_length,
        mask_function=mask_function,
        attention_mask=attention_mask,
        local_size=local_size,
        allow_is_causal_skip=allow_is_causal_skip,
        use_vmap=use_vmap,
        device=device,
        **others,
    )
    return mask


def attend(
    module: nn.Module,
    query_BHLD: Tensor,
    key_BKLD: Tensor,
    value_BKLD: Tensor,
    attention_mask: Records | Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attention of one layer, [rows, length, heads, head size]; equal to sdpa's within rounding."""
    if asked := [name for name in _NOT_COMPUTED if others.get(name) is not None]:
        raise ModelError(f"attention=varlen cannot compute this model's {asked[0]}. Set attention=eager.")
    heads = (query_BHLD, key_BKLD, value_BKLD)
    if not isinstance(attention_mask, Records):
        computed: tuple[Tensor, None] = sdpa_attention_forward(
            module, *heads, attention_mask, dropout=dropout, scaling=scaling, **others
        )
        return computed
    flat = [states.transpose(1, 2).flatten(0, 1) for states in heads]  # [rows × length, heads, head size]
    kernel = _kernel_fits(query_BHLD, dropout)
    out_THD = (_by_kernel if kernel else _by_groups)(flat, attention_mask, dropout, scaling)
    return out_THD.view(len(query_BHLD), -1, *out_THD.shape[1:]), None


def _records(mask_function: Callable[..., Tensor], rows: int, length: int, device: Any) -> Records:
    """A record begins where a token does not see the one before it. Waits for the device once."""
    row = torch.arange(rows, device=device)[:, None]
    at = torch.arange(1, length, device=device)[None]
    begins = ~mask_function(row, torch.zeros_like(row), at, at - 1).expand(rows, -1)
    begins = nn.functional.pad(begins, (1, 0), value=True).flatten()
    bounds = nn.functional.pad(begins.nonzero().flatten(), (0, 1), value=rows * length).int()
    return Records(bounds, tuple(bounds.diff().tolist()))


def _kernel_fits(query_BHLD: Tensor, dropout: float) -> bool:
    """What torch's flash-attention asks for (aten/src/ATen/native/transformers/cuda/flash_attn)."""
    half, size = query_BHLD.dtype in (torch.bfloat16, torch.float16), query_BHLD.shape[-1]
    if not (query_BHLD.is_cuda and half and size <= 256 and size % 8 == 0 and not dropout):
        return False
    return _generation(query_BHLD.device) >= 8 and torch.backends.cuda.is_flash_attention_available()


@cache
def _generation(device: torch.device) -> int:
    return torch.cuda.get_device_capability(device)[0]


def _by_kernel(heads: list[Tensor], records: Records, dropout: float, scale: float | None) -> Tensor:
    query_THD, key_TKD, value_TKD = heads
    settings: dict[str, Any] = {}
    if "enable_gqa" in signature(varlen.varlen_attn).parameters:  # torch 2.11 takes fewer key heads unasked
        settings["enable_gqa"] = query_THD.shape[1] != key_TKD.shape[1]
    longest = max(records.sizes)
    out_THD: Any = varlen.varlen_attn(
        query_THD,
        key_TKD,
        value_TKD,
        records.bounds,
        records.bounds,
        longest,
        longest,
        scale=scale,
        window_size=(-1, 0),  # causal
        **settings,
    )
    return out_THD  # type: ignore[no-any-return]


def _by_groups(heads: list[Tensor], records: Records, dropout: float, scale: float | None) -> Tensor:
    groups = records.groups
    done = []
    for group in zip(*(groups.lay_out(states) for states in heads), strict=True):
        query_NHLD, key_NKLD, value_NKLD = (states.transpose(1, 2) for states in group)
        out_NHLD = scaled_dot_product_attention(
            query_NHLD,
            key_NKLD,
            value_NKLD,
            dropout_p=dropout,
            is_causal=True,
            scale=scale,
            enable_gqa=True,
        )
        done.append(out_NHLD.transpose(1, 2))
    return groups.put_back(done)
