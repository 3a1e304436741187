"""A checkpoint as a network: checked by its headers, then read, then checked again for what came out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.errors import ModelError
from csft.model.checkpoint import check_checkpoint
from csft.model.choosing import choose_attention, choose_device, choose_dtype
from csft.model.folders import model_folder
from csft.model.layout import is_internlm2
from csft.model.tokenizers import check_vocabulary, load_tokenizer
from csft.model.words import some

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load(
    path: str | Path,
    attention: str = "sdpa",
    dtype: str = "float32",
    device: str = "cpu",
    four_bit: bool = False,
) -> tuple["PreTrainedModel", "PreTrainedTokenizerBase"]:
    """Network (in eval mode) and tokenizer of a local folder or hub id; no remote code, no pickles.

    `attention`, `dtype` and `device` as in `csft.model.choosing`; `four_bit` quantises to NF4 while loading,
    for `adapt(…, "qlora")`. What does not fit is a ModelError that names the file or tensor, before a weight
    is read wherever the headers tell.
    """
    folder = model_folder(path)
    check_checkpoint(folder)
    tokenizer = load_tokenizer(folder)
    net = load_net(folder, attention, dtype, device, four_bit)
    check_vocabulary(tokenizer, net.get_input_embeddings().num_embeddings, folder)
    return net, tokenizer


def load_net(
    path: str | Path,
    attention: str = "sdpa",
    dtype: str = "float32",
    device: str = "cpu",
    four_bit: bool = False,
) -> "PreTrainedModel":
    """The network alone, for a folder without a tokenizer; otherwise as `load`."""
    from transformers import AutoModelForCausalLM

    folder = model_folder(path)
    config = check_checkpoint(folder)
    device = choose_device(device)
    dtype = choose_dtype(dtype, device)
    settings: dict[str, Any] = {"attn_implementation": choose_attention(attention, device, dtype)[0]}
    if four_bit:
        settings["quantization_config"] = _nf4(device)
    if is_internlm2(config):
        from csft.model.internlm2 import register

        register()
    if device != "cpu":
        settings["device_map"] = {"": device}  # straight to the GPU, without a copy of all weights in memory
    try:
        net, found = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # told by name below
            **settings,
        )
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise ModelError(f"model={folder} cannot be loaded: {error}") from error
    _check_found(found, folder)
    _check_finite(net, folder)
    return net


def _check_found(found: dict[str, Any], folder: Path) -> None:
    """Nothing may have been left at its random start, or left out."""
    mismatched = {
        f"{name} {tuple(there)} instead of {tuple(ours)}" for name, there, ours in found["mismatched_keys"]
    }
    for what, names in (
        ("lack", found["missing_keys"]),
        ("have the wrong shape for config.json:", mismatched),
        ("also hold, without a place in the model,", found["unexpected_keys"]),
        ("cannot be read:", found.get("error_msgs") or []),
    ):
        if names:
            raise ModelError(
                f"model={folder}: the weights {what} {some(names)}. Weights and config.json do not fit."
            )


def _check_finite(net: "PreTrainedModel", folder: Path) -> None:
    """NaN and infinity show in the smallest and largest number: one pass over memory, 15 GB in seconds."""
    import torch

    odd = [
        name
        for name, weight in net.named_parameters()
        if weight.is_floating_point()
        and not all(torch.isfinite(end) for end in torch.aminmax(weight.detach()))
    ]
    if odd:
        raise ModelError(
            f"model={folder}: {some(odd)} hold numbers that are not finite (NaN or infinity). Use an earlier "
            "checkpoint, or fetch it again."
        )


def _nf4(device: str) -> Any:
    """4-bit NF4 with double quantisation, computing in bfloat16 (Dettmers et al. 2023, sections 3 and 4)."""
    import torch
    from transformers import BitsAndBytesConfig

    from csft.model.adapters import check_qlora

    check_qlora(device)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
