"""A checkpoint that does not fit stops by name, before training and mostly before a weight is read."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from csft import model
from csft.errors import ModelError, SettingError


def rewrite(checkpoint, change):
    file = checkpoint / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def refuses(checkpoint, message):
    with pytest.raises(ModelError, match=message) as caught:
        model.load(checkpoint)
    assert str(checkpoint) in str(caught.value) or "config.json" in str(caught.value)


def test_a_missing_tensor(checkpoint):
    rewrite(checkpoint, lambda tensors: tensors.pop("model.layers.1.attention.wqkv.weight"))
    refuses(checkpoint, r"the weights lack model\.layers\.1\.attention\.wqkv\.weight")


def test_an_unexpected_tensor(checkpoint):
    rewrite(
        checkpoint, lambda tensors: tensors.update({"model.layers.0.attention.gate.weight": torch.ones(2)})
    )
    refuses(checkpoint, r"also hold model\.layers\.0\.attention\.gate\.weight")


def test_names_of_another_layout(checkpoint):
    rewrite(checkpoint, lambda t: t.update({"lm_head.weight": t.pop("output.weight")}))
    refuses(checkpoint, r"the weights lack output\.weight")


def test_a_wrong_shape(checkpoint):
    rewrite(checkpoint, lambda tensors: tensors.update({"output.weight": torch.ones(300, 32)}))
    refuses(
        checkpoint, r"output\.weight do not fit config\.json .*is \(300, 32\), by config\.json \(330, 32\)"
    )


def test_a_quantised_checkpoint(checkpoint):
    rewrite(checkpoint, lambda t: t.update({"output.weight": t["output.weight"].to(torch.int8)}))
    refuses(checkpoint, r"output\.weight are I8; .*already quantised")


@pytest.mark.parametrize("kept", [0, 7, 500, -1])
def test_a_file_cut_short(checkpoint, kept):
    file = checkpoint / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    refuses(checkpoint, r"model\.safetensors is cut short or damaged")


def test_a_missing_shard_and_a_tensor_the_shards_lack(checkpoint, tmp_path):
    sharded = model.save(model.load_net(checkpoint), tmp_path / "sharded", shard_size="40KB")
    index = json.loads((sharded / "model.safetensors.index.json").read_text())["weight_map"]
    shard = index["output.weight"]
    tensors = load_file(sharded / shard)
    del tensors["output.weight"]
    save_file(tensors, sharded / shard)
    refuses(sharded, r"the weights lack output\.weight")
    (sharded / shard).unlink()
    refuses(sharded, rf"the shard {shard}, named in .* is missing")


@pytest.mark.parametrize("weight_map", [{}, {"output.weight": "../elsewhere.safetensors"}])
def test_a_useless_index(checkpoint, weight_map):
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    refuses(checkpoint, "has no weight_map|is not a file of this folder")


def test_no_weights_or_only_pickled_ones(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    refuses(checkpoint, r"neither model\.safetensors nor")
    (checkpoint / "pytorch_model.bin").write_bytes(b"")
    refuses(checkpoint, r"only pytorch_model\.bin is there, and pickled weights can run code")


def test_config_missing_or_not_json(checkpoint):
    (checkpoint / "config.json").write_text("{")
    refuses(checkpoint, r"config\.json is not JSON")
    (checkpoint / "config.json").write_text("[]")
    refuses(checkpoint, r"config\.json is not a JSON object")
    (checkpoint / "config.json").unlink()
    refuses(checkpoint, r"config\.json is missing")
    (checkpoint / "adapter_config.json").write_text("{}")
    refuses(checkpoint, "It holds an adapter: give its base model")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architectures": ["InternLM2ForRewardModel"]}, "InternLM2ForRewardModel"),
        ({"architectures": None}, "only .'InternLM2ForCausalLM'. can be fine-tuned"),
        ({"hidden_size": "32"}, "hidden_size=32 must be a whole number"),
        ({"vocab_size": None}, "vocab_size=None must be"),
        ({"num_key_value_heads": 3}, "num_key_value_heads=3"),
        ({"rope_scaling": {"type": "yarn", "factor": 2.0}}, "'yarn' is not one of default, linear, dynamic"),
        ({"bias": False}, r"also hold model\.layers\.0\.attention\.wo\.bias"),
        ({"model_type": "no_such_model"}, "no_such_model"),
    ],
)
def test_a_config_that_cannot_be(checkpoint, edit, change, message):
    edit(checkpoint / "config.json", **change)
    refuses(checkpoint, message)


def test_python_beside_the_weights_is_never_run(checkpoint, edit, tmp_path):
    marker = tmp_path / "it_ran"
    code = f"open({str(marker)!r}, 'w')\nclass InternLM2Config: ...\n"
    for name in ("configuration_internlm2", "modeling_internlm2", "tokenization_internlm2"):
        (checkpoint / f"{name}.py").write_text(code)
    edit(
        checkpoint / "config.json",
        auto_map={
            "AutoConfig": "configuration_internlm2.InternLM2Config",
            "AutoModelForCausalLM": "modeling_internlm2.InternLM2ForCausalLM",
        },
    )
    net, _ = model.load(checkpoint)
    assert type(net).__module__ == "csft.model.internlm2"
    assert not marker.exists()


@pytest.mark.parametrize("path", ["/no/such/folder", "no such model", "../nowhere"])
def test_neither_folder_nor_hub_id(path):
    with pytest.raises(ModelError, match="is not a folder"):
        model.load(path)


def test_a_hub_id_that_is_not_in_the_cache():
    with pytest.raises(ModelError, match="hf download nobody/nothing --revision v1"):
        model.fingerprint("nobody/nothing@v1")


def test_a_file_is_not_a_model(checkpoint):
    with pytest.raises(ModelError, match="is not a folder"):
        model.load(checkpoint / "config.json")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"attention": "fast"}, "attention=fast cannot be used. Allowed: one of auto, flash, sdpa, eager"),
        ({"dtype": "int4"}, "dtype=int4 cannot be used"),
        ({"device": "gpu"}, "device=gpu cannot be used. Allowed: one of auto, cpu"),
    ],
)
def test_settings_that_cannot_be(checkpoint, setting, message):
    with pytest.raises(SettingError, match=message):
        model.load(checkpoint, **setting)


def test_a_llama_checkpoint_that_does_not_fit_its_config(tmp_path, tokenizer_folder):
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=330, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4
    )
    folder = tmp_path / "llama"
    LlamaForCausalLM(config).save_pretrained(folder)
    for file in tokenizer_folder.iterdir():
        shutil.copyfile(file, folder / file.name)
    model.load(folder)
    rewrite(folder, lambda tensors: tensors.update({"model.norm.weight": torch.ones(16)}))
    refuses(folder, r"have the wrong shape for config\.json: model\.norm\.weight \(16,\) instead of \(32,\)")
    rewrite(folder, lambda tensors: tensors.pop("model.norm.weight"))
    refuses(folder, r"the weights lack model\.norm\.weight")
