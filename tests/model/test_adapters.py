"""LoRA on and off disk, merged, and what stops."""

import json

import pytest
import torch

from csft import model
from csft.errors import ModelError, SettingError

IDS = torch.tensor([[1, 7, 30, 200, 90, 41]])


def logits(net):
    net.eval()
    with torch.no_grad():
        return net(input_ids=IDS, use_cache=False).logits


def trained(checkpoint, **settings):
    """An adapter that has moved: three steps."""
    net = model.adapt(model.load(checkpoint)[0], "lora", rank=4, alpha=8, **settings)
    optimiser = torch.optim.SGD([weight for weight in net.parameters() if weight.requires_grad], lr=1.0)
    net.train()
    for _ in range(3):
        net(input_ids=IDS, labels=IDS).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return net


@pytest.mark.parametrize(
    "settings", [{}, {"rslora": True}, {"dora": True}, {"targets": ["q_proj", "v_proj"]}]
)
def test_saved_loaded_and_merged_it_is_the_same_model(checkpoint, tmp_path, settings):
    base = logits(model.load(checkpoint)[0])
    net = trained(checkpoint, **settings)
    expected = logits(net)
    assert (expected - base).abs().max() > 1e-3
    folder = model.save_adapter(net, tmp_path / "adapter")
    assert {"adapter_model.safetensors", "adapter_config.json", "base.json"} <= {
        f.name for f in folder.iterdir()
    }

    again = model.load_adapter(model.load(checkpoint)[0], folder)
    assert torch.equal(logits(again), expected)
    assert model.describe(again).trainable == 0
    whole = model.merged(again)
    torch.testing.assert_close(logits(whole), expected, rtol=0, atol=1e-5)

    saved, _ = model.load(model.save(whole, tmp_path / "merged"))
    assert torch.equal(logits(saved), logits(whole))
    assert (tmp_path / "merged" / "config.json").read_bytes() == (checkpoint / "config.json").read_bytes()


def test_a_loaded_adapter_can_train_on(checkpoint, tmp_path):
    net = trained(checkpoint)
    folder = model.save_adapter(net, tmp_path / "adapter")
    again = model.load_adapter(model.load(checkpoint)[0], folder, trainable=True)
    assert model.describe(again) == model.describe(net)
    assert again.training


def test_sizes(checkpoint):
    net, _ = model.load(checkpoint)
    whole = model.describe(net)
    assert whole.total == whole.trainable == sum(weight.numel() for weight in net.parameters())
    assert str(whole) == f"{whole.total:,} parameters, 100 % trained"
    assert model.adapt(net) is net
    size = model.describe(model.adapt(net, "lora", rank=3, targets=["q_proj"]))
    assert size.trainable == 2 * 3 * (32 + 32)  # two layers, 32 → 32
    assert size.total == whole.total + size.trainable


def test_full_trains_everything_and_all_linear_leaves_the_head(checkpoint):
    net, _ = model.load(checkpoint)
    net.requires_grad_(False)
    assert all(weight.requires_grad for weight in model.adapt(net, "full").parameters())
    adapted = {name for name, weight in model.adapt(net, "lora").named_parameters() if weight.requires_grad}
    layers = {name.split(".lora_")[0].rpartition(".")[2] for name in adapted}
    assert layers == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_the_start_depends_on_the_seed_alone(checkpoint):
    def start(seed, before):
        torch.manual_seed(before)
        net = model.adapt(model.load(checkpoint)[0], "lora", rank=2, seed=seed)
        after = torch.random.get_rng_state()
        torch.manual_seed(before)
        assert torch.equal(after, torch.random.get_rng_state())
        return torch.cat([weight.flatten() for weight in net.parameters() if weight.requires_grad])

    assert torch.equal(start(1, before=5), start(1, before=6))
    assert not torch.equal(start(1, before=5), start(2, before=5))


def test_an_adapter_of_another_base(checkpoint, tmp_path, tokenizer_folder):
    folder = model.save_adapter(trained(checkpoint), tmp_path / "adapter")
    other, tokenizer = model.scratch(
        tokenizer_folder, hidden=32, layers=2, heads=4, kv_heads=2, bias=True, seed=2
    )
    with pytest.raises(
        ModelError, match=r"was trained on the base \w{12}…, this network is .*made in memory"
    ):
        model.load_adapter(other, folder)
    model.save(other, tmp_path / "other", tokenizer=tokenizer)
    with pytest.raises(ModelError, match="Load the base it belongs to"):
        model.load_adapter(other, folder)


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors", "base.json"])
def test_an_incomplete_adapter(checkpoint, tmp_path, name):
    folder = model.save_adapter(trained(checkpoint), tmp_path / "adapter")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:10])
    with pytest.raises(ModelError, match=r"cut short or damaged|does not name a base"):
        model.load_adapter(model.load(checkpoint)[0], folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        model.load_adapter(model.load(checkpoint)[0], folder)


@pytest.mark.parametrize(
    ("change", "message"), [({"r": 5}, "does not fit"), ({"target_modules": ["q_proj"]}, "not fit")]
)
def test_an_adapter_that_does_not_fit_its_settings(checkpoint, tmp_path, edit, change, message):
    folder = model.save_adapter(trained(checkpoint), tmp_path / "adapter")
    edit(folder / "adapter_config.json", **change)
    with pytest.raises(ModelError, match=message):
        model.load_adapter(model.load(checkpoint)[0], folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "prefix"}, "tune=prefix cannot be used. Allowed: one of full, lora, qlora"),
        ({"rank": 0}, "tune.rank=0 cannot be used"),
        ({"rank": 2.5}, "tune.rank=2.5 cannot be used"),
        ({"alpha": -1}, "tune.alpha=-1 cannot be used"),
        ({"dropout": 1.0}, "tune.dropout=1.0 cannot be used"),
        (
            {"targets": ["q_proj", "wqkv"]},
            r"tune.targets=\['wqkv'\] cannot be used. .*all-linear, or some of .*k_proj",
        ),
        ({"targets": []}, "tune.targets"),
    ],
)
def test_settings_that_cannot_be(checkpoint, settings, message):
    net, _ = model.load(checkpoint)
    with pytest.raises(SettingError, match=message):
        model.adapt(net, **({"method": "lora"} | settings))


def test_qlora_says_what_it_lacks(checkpoint, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    net, _ = model.load(checkpoint)
    with pytest.raises(
        ModelError, match=r"needs a CUDA GPU .* and bitsandbytes \(pip install bitsandbytes\)"
    ):
        model.adapt(net, "qlora")


def test_one_adapter_at_a_time(checkpoint, tmp_path):
    net = trained(checkpoint)
    folder = model.save_adapter(net, tmp_path / "adapter")
    with pytest.raises(ModelError, match="carries an adapter already"):
        model.adapt(net, "lora")
    with pytest.raises(ModelError, match="carries an adapter already"):
        model.load_adapter(net, folder)
    with pytest.raises(ModelError, match="is there already"):
        model.save_adapter(net, folder)
    plain, _ = model.load(checkpoint)
    with pytest.raises(ModelError, match="no adapter"):
        model.save_adapter(plain, tmp_path / "none")
    with pytest.raises(ModelError, match="no adapter"):
        model.merged(plain)


def test_merging_numbers_that_are_not_finite(checkpoint):
    net = trained(checkpoint)
    next(weight for name, weight in net.named_parameters() if "lora_B" in name).data.fill_(float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        model.merged(net)


def test_the_base_recorded_is_that_of_the_files(checkpoint, tmp_path):
    folder = model.save_adapter(trained(checkpoint), tmp_path / "adapter")
    assert json.loads((folder / "base.json").read_text()) == {"base": model.fingerprint(checkpoint)}
