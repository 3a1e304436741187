"""What of a network is trained: all of it, LoRA (Hu et al. 2021), or LoRA over 4-bit weights (QLoRA).

On InternLM2 the LoRA matrices sit on the split q, k and v, which is not LoRA on the fused `wqkv`: an adapter
from another program does not fit, and ours is merged before the original layout is written.
"""

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.errors import ModelError, SettingError
from csft.files import whole_folder, write_json
from csft.model.fingerprints import base_fingerprint
from csft.model.words import some

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

METHODS = ("full", "lora", "qlora")
ALL_LINEAR = "all-linear"  # peft's word for every linear layer but the output head
BASE, SETTINGS, WEIGHTS = "base.json", "adapter_config.json", "adapter_model.safetensors"
_INSTALL_BNB = "pip install bitsandbytes"


def adapt(
    net: "PreTrainedModel",
    method: str = "full",
    rank: int = 16,
    alpha: float = 32,
    *,
    dropout: float = 0.0,
    targets: str | Sequence[str] = ALL_LINEAR,
    rslora: bool = False,
    dora: bool = False,
    seed: int = 0,
) -> Any:
    """The network ready to train: `full` is the network itself, the others wrap it with peft.

    `targets`: `all-linear` or names of linear layers (`q_proj`, …), each of which must exist. The adapter's
    start depends on `seed` alone, and the caller's random state is left as it was. `qlora` wants a network
    from `load(…, four_bit=True)`.
    """
    if method not in METHODS:
        raise SettingError("tune", method, "one of " + ", ".join(METHODS))
    if hasattr(net, "peft_config"):
        raise ModelError(f"tune={method}: this network carries an adapter already. Load its base again.")
    if method == "qlora":
        check_qlora(str(net.device))
    if (method == "qlora") != bool(getattr(net, "is_loaded_in_4bit", False)):
        raise ModelError(f"tune={method} needs a model loaded with four_bit={method == 'qlora'}.")
    if method == "full":
        return net.requires_grad_(True)
    _check_numbers(rank, alpha, dropout)
    from peft import LoraConfig

    settings = LoraConfig(
        task_type="CAUSAL_LM",
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=_check_targets(net, targets),
        use_rslora=rslora,
        use_dora=dora,
    )
    return _wrap(net, settings, seed)


def check_qlora(device: str) -> None:
    """Stop when 4-bit weights cannot be used here."""
    missing = []
    if not device.startswith("cuda"):
        missing.append(f"a CUDA GPU (the device is {device})")
    if importlib.util.find_spec("bitsandbytes") is None:
        missing.append(f"bitsandbytes ({_INSTALL_BNB})")
    if missing:
        raise ModelError(f"tune=qlora needs {' and '.join(missing)}. Or set tune=lora.")


def save_adapter(net: "PeftModel", path: str | Path) -> Path:
    """Write the adapter alone (peft's safetensors) and the fingerprint of its base; give the folder."""
    path = Path(path).expanduser().absolute()
    if not hasattr(net, "peft_config"):
        raise ModelError(f"{path}: this network carries no adapter. Use save.")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ModelError(f"{path} is there already. Give a new folder.")
    with whole_folder(path) as folder:
        # "auto" would ask the hub whether the base's vocabulary has grown; ours never does
        net.save_pretrained(str(folder), save_embedding_layers=False)
        write_json(folder / BASE, {"base": base_fingerprint(net)})
    return path


def load_adapter(net: "PreTrainedModel", path: str | Path, trainable: bool = False) -> "PeftModel":
    """The network with a saved adapter on it; one of another base, or an incomplete one, is a ModelError."""
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(path).expanduser()
    if hasattr(net, "peft_config"):
        raise ModelError(f"adapter={folder}: this network carries an adapter already. Load its base again.")
    _check_base(net, folder)
    try:
        settings = LoraConfig.from_pretrained(str(folder))
        weights = load_file(folder / WEIGHTS)
    except (SafetensorError, ValueError, TypeError) as error:
        raise ModelError(f"adapter={folder} is cut short or damaged ({error}). Use another copy.") from error
    settings.inference_mode = not trainable
    wrapped = get_peft_model(net, settings)
    try:
        outcome = set_peft_model_state_dict(wrapped, weights)
    except (RuntimeError, KeyError) as error:  # shapes; torch's message lists them
        raise ModelError(f"adapter={folder} does not fit its own {SETTINGS}: {error}") from error
    lacking = [name for name in outcome.missing_keys if "lora_" in name]
    if lacking or outcome.unexpected_keys:
        raise ModelError(
            f"adapter={folder}: {WEIGHTS} does not fit {SETTINGS}: "
            f"{some([*lacking, *outcome.unexpected_keys])}."
        )
    return wrapped.train(trainable)


def merged(net: "PeftModel") -> "PreTrainedModel":
    """The base with the adapter added, each weight in float32 and rounded once to the base's number format.

    peft adds in the base's own format: in bfloat16 the update is rounded before it is added. One layer is
    widened at a time, so that a 7B model needs no second copy. `net` is used up.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    if not hasattr(net, "peft_config"):
        raise ModelError("merged: this network carries no adapter.")
    if getattr(net, "is_loaded_in_4bit", False):
        raise ModelError(
            "merged: adding an adapter into 4-bit weights would round it away. Save the adapter, load the "
            "base in bfloat16, load_adapter, and merge that."
        )
    for layer in net.modules():
        if isinstance(layer, BaseTunerLayer):
            weight = layer.get_base_layer().weight
            stored = weight.dtype
            weight.data = weight.data.float()
            try:
                layer.merge(safe_merge=True)
            except ValueError as error:
                raise ModelError(
                    f"merged: the adapter holds numbers that are not finite ({error})."
                ) from error
            weight.data = weight.data.to(stored)
    whole: PreTrainedModel = net.unload()
    return whole


def _wrap(net: Any, settings: Any, seed: int) -> Any:
    import torch
    from peft import get_peft_model, prepare_model_for_kbit_training

    if getattr(net, "is_loaded_in_4bit", False):
        # checkpointing is the training loop's choice, not made here
        net = prepare_model_for_kbit_training(net, use_gradient_checkpointing=False)
    gpus = [net.device] if net.device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.manual_seed(seed)
        return get_peft_model(net, settings)


def _check_numbers(rank: int, alpha: float, dropout: float) -> None:
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise SettingError("tune.rank", rank, "a whole number, at least 1")
    if not alpha > 0:
        raise SettingError("tune.alpha", alpha, "a number above 0")
    if not 0 <= dropout < 1:
        raise SettingError("tune.dropout", dropout, "a share from 0 to below 1")


def _check_targets(net: Any, targets: str | Sequence[str]) -> str | list[str]:
    """Every name must be a linear layer of this network: peft silently passes over those that are not."""
    from torch import nn

    if targets == ALL_LINEAR:
        return ALL_LINEAR
    asked = [targets] if isinstance(targets, str) else list(targets)
    linear = {name.rpartition(".")[2] for name, layer in net.named_modules() if isinstance(layer, nn.Linear)}
    unknown = [name for name in asked if name not in linear]
    if unknown or not asked:
        raise SettingError(
            "tune.targets", unknown or asked, f"{ALL_LINEAR}, or some of {', '.join(sorted(linear))}"
        )
    return asked


def _check_base(net: Any, folder: Path) -> None:
    for name in (SETTINGS, WEIGHTS, BASE):
        if not (folder / name).is_file():
            raise ModelError(f"adapter={folder}: {name} is missing. Give a folder that save_adapter wrote.")
    try:
        recorded = json.loads((folder / BASE).read_text(encoding="utf-8"))["base"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"adapter={folder}: {BASE} does not name a base. Use another copy.") from error
    if recorded != (ours := base_fingerprint(net)):
        raise ModelError(
            f"adapter={folder} was trained on the base {recorded[:12]}…, this network is {ours[:12]}… "
            f"({getattr(net, 'name_or_path', '') or 'made in memory'}). Load the base it belongs to."
        )
