"""Names, the fused matrix, and the way back to disk."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from csft import model
from csft.errors import ModelError
from csft.model.layout import expected_shapes


def assert_same_weights(one: Path, other: Path) -> None:
    ours, theirs = (
        {
            name: tensor
            for file in folder.glob("model*.safetensors")
            for name, tensor in load_file(file).items()
        }
        for folder in (one, other)
    )
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert tensor.dtype == theirs[name].dtype
        assert torch.equal(tensor, theirs[name]), name


def test_the_227_names_of_the_real_checkpoint(shared):
    from transformers.core_model_loading import revert_weight_conversion

    from csft.model.internlm2 import InternLM2Config, InternLM2ForCausalLM, register

    register()
    real = json.loads((shared / "internlm2/tokenizer/config.json").read_text())
    index = json.loads((shared / "internlm2/tiny/internlm2_5-7b.model.safetensors.index.json").read_text())
    with torch.device("meta"):
        net = InternLM2ForCausalLM(InternLM2Config(**real))
    assert model.describe(net).total == 7_737_708_544
    saved = {
        name: tuple(weight.shape) for name, weight in revert_weight_conversion(net, net.state_dict()).items()
    }
    assert saved.keys() == index["weight_map"].keys()
    assert saved == expected_shapes(real)
    assert 2 * sum(torch.Size(shape).numel() for shape in saved.values()) == index["metadata"]["total_size"]


@given(
    kv_heads=st.integers(1, 4),
    group=st.integers(1, 4),
    head_dim=st.sampled_from([2, 4, 6]),
    bias=st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_split_takes_the_grouped_rows_and_fuse_puts_them_back(kv_heads, group, head_dim, bias):
    from csft.model.internlm2 import InternLM2Config, SplitGroups

    heads = kv_heads * group
    config = InternLM2Config(
        hidden_size=heads * head_dim, num_attention_heads=heads, num_key_value_heads=kv_heads
    )
    rows = (heads + 2 * kv_heads) * head_dim
    fused = torch.arange(rows).float() if bias else torch.arange(rows * 3).float().reshape(rows, 3)
    split = SplitGroups()
    q, k, v = split.convert({"w": [fused]}, ["w"], ["q", "k", "v"], config=config).values()
    block = (group + 2) * head_dim  # told here row by row, the slow way
    for kv in range(kv_heads):
        for row in range(head_dim):
            assert torch.equal(k[kv * head_dim + row], fused[kv * block + group * head_dim + row])
            assert torch.equal(v[kv * head_dim + row], fused[kv * block + (group + 1) * head_dim + row])
        for row in range(group * head_dim):
            assert torch.equal(q[kv * group * head_dim + row], fused[kv * block + row])
    back = split.reverse_op.convert({"q": [q], "k": [k], "v": [v]}, ["q", "k", "v"], ["w"], config=config)
    assert torch.equal(back["w"], fused)


@pytest.mark.parametrize("name", ["dynamic_nobias", "plain_bias"])
def test_save_gives_back_the_source_bit_for_bit(shared, tmp_path, name):
    source = shared / "internlm2" / "tiny" / name
    saved = model.save(model.load_net(source), tmp_path / "saved")
    assert (saved / "config.json").read_bytes() == (source / "config.json").read_bytes()
    assert_same_weights(source, saved)
    assert sorted(file.name for file in saved.iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_shards_dtypes_and_companions_survive_two_rounds(checkpoint, tmp_path, dtype):
    (checkpoint / "modeling_internlm2.py").write_text("raise SystemExit('never run')\n")
    (checkpoint / "generation_config.json").write_text('{"eos_token_id": [2, 328]}')
    net, _ = model.load(checkpoint, dtype=dtype)
    once = model.save(net, tmp_path / "once", shard_size="40KB")
    assert len(list(once.glob("*.safetensors"))) > 2
    again, tokenizer = model.load(once, dtype=dtype)
    twice = model.save(again, tmp_path / "twice", shard_size="1GB")
    assert_same_weights(once, twice)
    for file in ("modeling_internlm2.py", "config.json", "generation_config.json", "tokenizer.model"):
        assert (twice / file).read_bytes() == (checkpoint / file).read_bytes()
    assert tokenizer("头痛").input_ids == model.load_tokenizer(checkpoint)("头痛").input_ids


def test_a_made_network_is_written_in_the_original_words(tokenizer_folder, tmp_path):
    net, tokenizer = model.scratch(
        tokenizer_folder, hidden=32, layers=1, heads=4, kv_heads=1, bias=True, seed=3
    )
    saved = model.save(net, tmp_path / "saved", tokenizer=tokenizer)
    config = json.loads((saved / "config.json").read_text())
    assert config["architectures"] == ["InternLM2ForCausalLM"]
    assert config["rope_scaling"] == {"type": "dynamic", "factor": 2.0}
    assert (config["rope_theta"], config["bias"]) == (5e7, True)
    assert "rope_parameters" not in config
    assert {name for name in load_file(saved / "model.safetensors") if "layers" not in name} == {
        "model.tok_embeddings.weight",
        "model.norm.weight",
        "output.weight",
    }
    back, _ = model.load(saved)
    ids = torch.tensor([[1, 5, 9, 200]])
    assert torch.equal(back(ids).logits, net(ids).logits)


def test_scratch_depends_on_the_seed_alone(tokenizer_folder):
    sizes = {"hidden": 32, "layers": 1, "heads": 4, "kv_heads": 2}
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, second, other = (model.scratch(tokenizer_folder, **sizes, seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    for one, two, three in zip(first.parameters(), second.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
        assert one.dim() == 1 or not torch.equal(one, three)
    assert model.base_fingerprint(first) == model.base_fingerprint(second) != model.base_fingerprint(other)


def test_save_refuses_what_it_would_lose(checkpoint, tmp_path):
    net, _ = model.load(checkpoint)
    with pytest.raises(ModelError, match="is there already"):
        model.save(net, checkpoint)
    with pytest.raises(ModelError, match="Use save_adapter"):
        model.save(model.adapt(net, "lora", rank=2), tmp_path / "adapted")


def test_save_refuses_a_config_that_no_longer_fits(checkpoint, tmp_path):
    net, _ = model.load(checkpoint)
    net.resize_token_embeddings(360)
    with pytest.raises(ModelError, match="vocab_size is 360 now, 330 there"):
        model.save(net, tmp_path / "grown")
    assert not (tmp_path / "grown").exists()
    assert not list(tmp_path.glob(".grown*"))


def test_registering_twice_changes_nothing():
    from transformers import AutoConfig
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    from csft.model.internlm2 import InternLM2Config, register

    register()
    before = len(get_checkpoint_conversion_mapping("internlm2"))
    register.cache_clear()
    register()
    assert len(get_checkpoint_conversion_mapping("internlm2")) == before == 9
    assert isinstance(AutoConfig.for_model("internlm2"), InternLM2Config)
    assert InternLM2Config().attention_bias is True  # the original's default
