"""A network's sizes, as read from its headers, are those of the network."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from csft import model
from csft.errors import ModelError
from csft.model.anatomy import anatomy, scratch_anatomy

SIZES = {
    "vocab_size": 330,
    "hidden_size": 32,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def saved(folder: Path, kind: str, **changes: Any) -> Any:
    net = getattr(transformers, f"{kind}ForCausalLM")(
        getattr(transformers, f"{kind}Config")(**{**SIZES, **changes})
    )
    net.to(torch.bfloat16).save_pretrained(folder)
    return net


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("Llama", {}),
        ("Llama", {"attention_bias": True}),
        ("Mistral", {"head_dim": 16}),
        ("Qwen2", {}),
        ("Qwen3", {}),
    ],
)
def test_parameters_of_a_checkpoint(kind: str, changes: dict[str, Any], tied: bool, tmp_path: Path) -> None:
    net = saved(tmp_path, kind, tie_word_embeddings=tied, **changes)
    read = anatomy(tmp_path)
    assert read.parameters == sum(weight.numel() for weight in net.parameters())
    assert (read.hidden, read.layers, read.heads, read.kv_heads) == (32, 3, 4, 2)
    assert read.head_dim == net.config.head_dim if kind != "Qwen2" else 8
    assert (read.intermediate, read.vocabulary, read.norms, read.gated) == (80, 330, 2, True)
    assert (read.tied, read.head_norms, read.stored, read.doubt) == (tied, kind == "Qwen3", "BF16", "")


@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "v_proj"], ["k_proj", "down_proj"]])
def test_adapters_of_the_original_layout(checkpoint: Path, targets: Any) -> None:
    read = anatomy(checkpoint)
    net = model.load_net(checkpoint)
    assert read.parameters == model.describe(net).total
    tuned = model.adapt(net, "lora", 3, targets=targets)
    assert read.adapter(3, () if targets == "all-linear" else targets) == model.describe(tuned).trainable
    assert read.doubt == ""
    assert read.stored == "F32"


def test_a_random_start_has_the_sizes_of_what_is_made(tokenizer_folder: Path) -> None:
    shape = {"hidden": 48, "layers": 2, "heads": 6, "kv_heads": 3, "intermediate": 100, "seed": 1}
    net, _ = model.scratch(tokenizer_folder, **shape)
    read = scratch_anatomy(net.config.vocab_size, **shape)
    assert read.parameters == model.describe(net).total
    assert {kind.name: (kind.outputs, kind.inputs, kind.count) for kind in read.linears} == {
        "q_proj": (48, 48, 2),
        "k_proj": (24, 48, 2),
        "v_proj": (24, 48, 2),
        "o_proj": (48, 48, 2),
        "gate_proj": (100, 48, 2),
        "up_proj": (100, 48, 2),
        "down_proj": (48, 100, 2),
    }


def test_the_real_shape() -> None:
    read = scratch_anatomy(92544, hidden=4096, layers=32, heads=32, kv_heads=8, intermediate=14336)
    assert read.parameters == 7_737_708_544
    assert read.embedding == read.head == 92544 * 4096


@pytest.mark.parametrize(
    ("kind", "changes", "doubt"),
    [
        ("GPT2", {"n_embd": 32, "n_layer": 2, "n_head": 4}, "how gpt2 computes is not known"),
        ("Mixtral", {"num_local_experts": 2}, "experts"),
    ],
)
def test_other_architectures_count_right_and_say_that_a_plan_is_rough(
    kind: str, changes: dict[str, Any], doubt: str, tmp_path: Path
) -> None:
    base = {"vocab_size": 100} if kind == "GPT2" else SIZES
    config = getattr(transformers, f"{kind}Config")(**{**base, **changes})
    model_class = "GPT2LMHeadModel" if kind == "GPT2" else f"{kind}ForCausalLM"
    net = getattr(transformers, model_class)(config)
    net.save_pretrained(tmp_path)
    read = anatomy(tmp_path)
    assert doubt in read.doubt
    assert read.parameters == sum(weight.numel() for weight in net.parameters())


def test_a_damaged_checkpoint_stops_by_name(checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cut short"):
        anatomy(checkpoint)


def test_nothing_heavy_is_imported(checkpoint: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from csft.model.anatomy import anatomy; from csft.train import memory, fitting, speed;"
        f"print(anatomy({json.dumps(str(checkpoint))}).parameters, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split()[1] == "False"
