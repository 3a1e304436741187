"""What depends on the machine: device, number format, attention. `auto` chooses, a name is kept or not."""

import importlib
from collections.abc import Sequence

from csft.errors import ModelError, SettingError

ATTENTIONS = ("auto", "flash", "varlen", "sdpa", "eager")
VARLEN = "sdpa_varlen"  # csft/model/varlen.py; transformers checks "sdpa…" as it checks sdpa
DTYPES = ("auto", "float32", "bfloat16", "float16")
# Fastest first: name in transformers, its own check for the package, the lowest and highest GPU generation.
_FLASH = (
    ("flash_attention_3", "is_flash_attn_3_available", 9, 9),
    ("flash_attention_2", "is_flash_attn_2_available", 8, 99),
    ("flash_attention_4", "is_flash_attn_4_available", 9, 99),
)
_INSTALL_FLASH = "pip install flash-attn --no-build-isolation"


def choose_device(requested: str = "auto") -> str:
    """`auto` is the first CUDA GPU, or the CPU without one. A GPU that is not there is a SettingError."""
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if requested == "auto":
        return "cuda" if gpus else "cpu"
    if requested == "cpu":
        return requested
    kind, _, number = requested.partition(":")
    if kind == "cuda" and int(number if number.isdecimal() else "0") < gpus and requested in _names(gpus):
        return requested
    raise SettingError("device", requested, _one_of(["auto", "cpu", *_names(gpus)]) + f" ({gpus} GPUs here)")


def choose_dtype(requested: str, device: str) -> str:
    """`auto` is bfloat16 on a GPU that computes in it, float32 elsewhere."""
    import torch

    if requested not in DTYPES:
        raise SettingError("dtype", requested, _one_of(DTYPES))
    if requested != "auto":
        return requested
    return "bfloat16" if device.startswith("cuda") and torch.cuda.is_bf16_supported() else "float32"


def choose_attention(requested: str, device: str, dtype: str | None = None) -> tuple[str, str]:
    """The implementation's name in transformers, and why, for the line a person reads.

    `flash` stops with what is missing; `auto` takes the next best and says why. `dtype` (if known) counts:
    flash kernels compute in bfloat16 and float16 only. A name this function gave before is understood again.
    """
    given = {VARLEN: "varlen", **{name: "flash" for name, *_ in _FLASH}}
    word = given.get(requested, requested)
    if word not in ATTENTIONS:
        raise SettingError("attention", requested, _one_of(ATTENTIONS))
    if word in ("auto", "flash"):
        name, reason = _flash(device, dtype)
        if name is None and word == "flash":
            raise ModelError(f"attention=flash cannot be used: {reason}. Or set attention=sdpa.")
        if name is None and device == "cpu":
            name, reason = VARLEN, f"sdpa, packed records one by one; {reason}"
    else:
        name, reason = {"varlen": VARLEN}.get(word, word), "as asked"
    name = name or "sdpa"
    if name == VARLEN:
        importlib.import_module("csft.model.varlen").register()
    return name, reason


def _flash(device: str, dtype: str | None) -> tuple[str | None, str]:
    """The best flash-attention here, or None and what stands in its way."""
    if not device.startswith("cuda"):
        return None, f"flash-attention needs a CUDA GPU, the device is {device}"
    if dtype == "float32":
        return None, "flash-attention needs dtype=bfloat16 or float16, not float32"
    generation, gpu = _gpu(device)
    for name, check, lowest, highest in _FLASH:
        if lowest <= generation <= highest and _installed(check):
            return name, f"installed, and {gpu} can run it"
    if generation < 8:
        return None, f"flash-attention needs an Ampere GPU or newer, this is {gpu}"
    missing = f"no flash-attention package is installed; {_INSTALL_FLASH}"
    return (VARLEN, f"torch's own flash-attention: {missing}") if _in_torch() else (None, missing)


def _gpu(device: str) -> tuple[int, str]:
    import torch

    return torch.cuda.get_device_capability(device)[0], torch.cuda.get_device_name(device)


def _installed(check: str) -> bool:
    """Ask transformers, whose word decides when the model is built; older ones do not know every package."""
    available = getattr(importlib.import_module("transformers.utils"), check, None)
    return bool(available and available())


def _in_torch() -> bool:
    """Whether this torch was built with flash-attention."""
    import torch

    return torch.backends.cuda.is_flash_attention_available()


def _names(gpus: int) -> list[str]:
    return ["cuda", *(f"cuda:{number}" for number in range(gpus))] if gpus else []


def _one_of(allowed: Sequence[str]) -> str:
    return "one of " + ", ".join(allowed)
