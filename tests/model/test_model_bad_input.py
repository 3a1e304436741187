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


@pytest.fixture
def sharded(checkpoint, tmp_path):
    """The checkpoint in several shards, and where each tensor lies."""
    folder = model.save(model.load_net(checkpoint), tmp_path / "sharded", shard_size="40KB")
    for file in checkpoint.glob("token*"):
        shutil.copyfile(file, folder / file.name)
    return folder, json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]


def test_a_missing_shard_and_a_tensor_the_shards_lack(sharded):
    folder, index = sharded
    shard = index["output.weight"]
    tensors = load_file(folder / shard)
    del tensors["output.weight"]
    save_file(tensors, folder / shard)
    refuses(folder, r"the weights lack output\.weight, which .* promises")
    (folder / shard).unlink()
    refuses(folder, rf"the shard {shard}, named in .* is missing")


@pytest.mark.parametrize("kept", [0, 7, -1])
def test_a_shard_cut_short(sharded, kept):
    folder, index = sharded
    file = folder / index["model.layers.1.attention.wqkv.weight"]
    header = 8 + int.from_bytes(file.read_bytes()[:8], "little")
    for length in {kept, header, header + 100}:  # the header whole, the numbers gone
        content = file.read_bytes()
        file.write_bytes(content[:length])
        refuses(folder, rf"{file.name} is cut short or damaged")
        file.write_bytes(content)
    model.load(folder)


def test_a_tensor_in_two_shards(sharded):
    folder, index = sharded
    first, last = (folder / name for name in (min(index.values()), max(index.values())))
    save_file(load_file(first) | load_file(last), last)
    refuses(folder, rf"lie in {last.name} and in another shard too")


def test_an_index_that_names_another_shard(sharded, edit):
    folder, index = sharded
    crowded = next(shard for shard in index.values() if list(index.values()).count(shard) > 1)
    name = next(name for name in index if index[name] == crowded)
    elsewhere = next(shard for shard in index.values() if shard != crowded)
    edit(folder / "model.safetensors.index.json", weight_map=index | {name: elsewhere})
    refuses(folder, rf"{name} lie in another shard than .* says \({crowded}\)")


def test_shards_beside_one_file(sharded, checkpoint):
    folder, _ = sharded
    shutil.copyfile(checkpoint / "model.safetensors", folder / "model.safetensors")
    refuses(folder, r"model\.safetensors lies beside the shards of .* Move one of the two away")


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_weights_that_are_not_finite(checkpoint, number, kind):
    def spoil(tensors):
        for name in tensors:
            tensors[name] = tensors[name].to(kind)
        tensors["model.layers.1.attention.wqkv.weight"][5, 3] = number

    rewrite(checkpoint, spoil)
    refuses(checkpoint, r"model\.layers\.1\.self_attn\.[qkv]_proj\.weight hold numbers that are not finite")


def test_a_config_of_another_family(checkpoint, edit, tmp_path):
    net, tokenizer = model.load(checkpoint)
    out = model.export(net, tmp_path / "llama", tokenizer)
    edit(checkpoint / "config.json", model_type="llama", architectures=["LlamaForCausalLM"])
    refuses(checkpoint, r"the weights have InternLM2's names .* config\.json says model_type=llama")
    original = {"model_type": "internlm2", "architectures": ["InternLM2ForCausalLM"], "bias": True}
    edit(out / "config.json", **original)
    refuses(out, r"the weights have Llama's names .* config\.json says model_type=internlm2")


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
        (
            {"attention": "fast"},
            "attention=fast cannot be used. Allowed: one of auto, flash, varlen, sdpa, eager",
        ),
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
