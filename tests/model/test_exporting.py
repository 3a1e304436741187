"""Exported to Llama's layout: read by stock transformers in a process that never saw csft."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from csft import model
from csft.errors import ModelError, SettingError

TEXTS = ["头痛三天，加重一天。", "  What is  the diagnosis?\n", "<|im_start|>user\n答案<|im_end|>"]
READER = """
import json, sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, texts = sys.argv[1], json.loads(sys.argv[2])
net = AutoModelForCausalLM.from_pretrained(folder).eval()
tokenizer = AutoTokenizer.from_pretrained(folder)
assert "csft" not in sys.modules
with torch.no_grad():
    logits = [net(torch.tensor([ids]), use_cache=False).logits for ids in json.loads(sys.argv[3])]
torch.save(logits, folder + ".logits")
print(json.dumps({
    "kind": type(net).__name__, "dtype": str(net.dtype), "rope": net.config.rope_parameters,
    "ids": [tokenizer(text).input_ids for text in texts],
    "plain": [tokenizer.encode(text, add_special_tokens=False) for text in texts],
    "specials": sorted(tokenizer.all_special_tokens), "pad": tokenizer.pad_token_id,
    "decoded": [tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) for text in texts],
    "chat": tokenizer.chat_template and tokenizer.apply_chat_template(
        [{"role": "user", "content": texts[0]}], tokenize=False),
    "generation": net.generation_config.to_dict(),
}))
"""


def inputs(vocabulary: int, length: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(7)
    return [torch.randint(3, vocabulary, (n,), generator=generator).tolist() for n in (12, length)]


def read_elsewhere(folder: Path, texts: list[str], ids: list[list[int]]) -> tuple[dict, list[torch.Tensor]]:
    """What a fresh process with transformers alone makes of the folder."""
    words = [json.dumps(texts), json.dumps(ids)]
    done = subprocess.run(
        [sys.executable, "-c", READER, str(folder), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout), torch.load(f"{folder}.logits")


def logits_of(net, ids):
    with torch.no_grad():
        return [net.eval()(torch.tensor([one]), use_cache=False).logits for one in ids]


def moved(net, **settings):
    """An adapter that adds something."""
    net = model.adapt(net, "lora", rank=4, alpha=8, **settings)
    generator = torch.Generator().manual_seed(3)
    for name, weight in net.named_parameters():
        if "lora_B" in name:
            weight.data = torch.randn(weight.shape, generator=generator) * 0.05
    return net


def with_chat_template(checkpoint, edit):
    template = "{% for message in messages %}{{ '<|im_start|>' + message['content'] }}{% endfor %}"
    edit(checkpoint / "tokenizer_config.json", chat_template=template)
    (checkpoint / "generation_config.json").write_text('{"eos_token_id": [2, 328], "bos_token_id": 1}')


def test_a_fresh_process_computes_the_same(checkpoint, tmp_path, edit):
    """Bias on, dynamic rope stretched past its positions, an adapter merged."""
    edit(checkpoint / "config.json", max_position_embeddings=40)
    with_chat_template(checkpoint, edit)
    net, tokenizer = model.load(checkpoint)
    net = moved(net)
    ids = inputs(330, 70)
    expected = logits_of(net, ids)
    out = model.export(model.merged(net), tmp_path / "out", tokenizer)
    told, logits = read_elsewhere(out, TEXTS, ids)
    for ours, theirs in zip(expected, logits, strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-5)
    assert told["kind"] == "LlamaForCausalLM"
    assert told["rope"] == {"rope_type": "dynamic", "type": "dynamic", "factor": 2.0, "rope_theta": 5e7}
    assert told["ids"] == [tokenizer(text).input_ids for text in TEXTS]
    assert told["plain"] == [tokenizer.encode(text, add_special_tokens=False) for text in TEXTS]
    assert told["decoded"] == [
        tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) for text in TEXTS
    ]
    assert told["specials"] == sorted(tokenizer.all_special_tokens)
    assert told["pad"] == tokenizer.pad_token_id
    assert told["chat"] == "<|im_start|>" + TEXTS[0]
    assert told["generation"]["eos_token_id"] == [2, 328]


def test_the_words_both_generations_of_transformers_know(checkpoint, tmp_path, edit):
    with_chat_template(checkpoint, edit)
    net, tokenizer = model.load(checkpoint, dtype="bfloat16")
    out = model.export(net, tmp_path / "out", tokenizer, shard_size="40KB")
    config = json.loads((out / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert config["model_type"] == "llama"
    assert config["rope_scaling"] == {"rope_type": "dynamic", "type": "dynamic", "factor": 2.0}
    assert (config["rope_theta"], config["torch_dtype"]) == (5e7, "bfloat16")
    assert (config["attention_bias"], config["mlp_bias"]) == (True, False)
    assert not {"rope_parameters", "auto_map", "bias", "dtype"} & config.keys()
    settings = json.loads((out / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert not {"auto_map", "extra_special_tokens", "local_files_only"} & settings.keys()
    assert settings["additional_special_tokens"] == ["<|im_end|>", "<|im_start|>"]
    assert "chat_template" in settings
    assert len(list(out.glob("*.safetensors"))) > 2


@pytest.mark.parametrize(("tie", "bias"), [(True, False), (True, True), (False, False)])
def test_tied_heads_and_biases(tokenizer_folder, tmp_path, tie, bias, edit):
    net, tokenizer = model.scratch(
        tokenizer_folder, hidden=32, layers=1, heads=4, kv_heads=2, bias=bias, rope_factor=None
    )
    if tie:
        net.config.tie_word_embeddings = True
        net.tie_weights()
    source = model.save(net, tmp_path / "source", tokenizer=tokenizer)
    net, tokenizer = model.load(source)
    ids = inputs(330, 40)
    expected = logits_of(net, ids)
    out = model.export(net, tmp_path / "out", tokenizer)
    names = {name for file in out.glob("*.safetensors") for name in load_file(file)}
    assert ("lm_head.weight" in names) is not tie
    assert ("model.layers.0.self_attn.o_proj.bias" in names) is bias
    assert json.loads((out / "config.json").read_text())["rope_scaling"] is None
    again, tokenizer_again = model.load(out)
    assert type(again).__name__ == "LlamaForCausalLM"
    for ours, theirs in zip(expected, logits_of(again, ids), strict=True):
        assert torch.equal(ours, theirs)
    assert [tokenizer_again(text).input_ids for text in TEXTS] == [
        tokenizer(text).input_ids for text in TEXTS
    ]


def test_every_reference_string_of_the_real_tokenizer(shared, tmp_path):
    from transformers import AutoTokenizer

    source = shared / "internlm2" / "tokenizer"
    reference = json.loads((source / "reference_ids.json").read_text())
    net, tokenizer = model.scratch(source, hidden=8, layers=1, heads=2, kv_heads=1, intermediate=8)
    stock = AutoTokenizer.from_pretrained(model.export(net, tmp_path / "out", tokenizer))
    for one in reference["strings"]:
        assert stock(one["text"]).input_ids == one["ids"]
        assert stock.decode(one["ids"], skip_special_tokens=True) == one["decoded_without_special_tokens"]
    for chat in reference["chats"]:
        settings = {"add_generation_prompt": chat["add_generation_prompt"], "tokenize": False}
        assert stock.apply_chat_template(chat["messages"], **settings) == chat["text"]


def test_an_update_below_bfloat16_is_rounded_once(checkpoint):
    net, _ = model.load(checkpoint, dtype="bfloat16")
    name = "model.layers.0.self_attn.q_proj.weight"
    base = net.state_dict()[name].float()
    net = moved(net)
    layer = net.base_model.model.model.layers[0].self_attn.q_proj
    expected = (base + layer.get_delta_weight("default").float()).bfloat16()
    whole = model.merged(net)
    assert torch.equal(whole.state_dict()[name], expected)
    assert not hasattr(whole, "peft_config")
    assert {weight.dtype for weight in whole.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("settings", [{"dora": True}, {"rslora": True}, {"targets": ["q_proj", "v_proj"]}])
def test_every_kind_of_adapter_merges(checkpoint, settings):
    net = moved(model.load(checkpoint)[0], **settings)
    ids = inputs(330, 20)
    expected = logits_of(net, ids)
    for ours, theirs in zip(expected, logits_of(model.merged(net), ids), strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-5, atol=1e-5)


def test_numbers_that_are_not_finite_are_not_merged(checkpoint):
    net = moved(model.load(checkpoint)[0])
    next(weight for name, weight in net.named_parameters() if "lora_B" in name).data.fill_(float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        model.merged(net)


def test_what_has_no_llama_form(checkpoint, tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = model.load_tokenizer(checkpoint)
    other = GPT2LMHeadModel(GPT2Config(vocab_size=330, n_embd=8, n_layer=1, n_head=2))
    with pytest.raises(SettingError, match=r"layout=llama .* a gpt2 model has no Llama form"):
        model.export(other, tmp_path / "out", tokenizer)
    net, _ = model.load(checkpoint)
    with pytest.raises(SettingError, match=r"layout=ggml cannot be used. Allowed: one of llama, original"):
        model.export(net, tmp_path / "out", tokenizer, "ggml")
    with pytest.raises(ModelError, match="carries an adapter"):
        model.export(moved(net), tmp_path / "out", tokenizer)
    with pytest.raises(ModelError, match="is there already"):
        model.export(model.load(checkpoint)[0], checkpoint, tokenizer)
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("layout", model.LAYOUTS)
def test_an_export_that_fails_leaves_nothing(checkpoint, tmp_path, monkeypatch, layout):
    net, tokenizer = model.load(checkpoint)
    for module in ("exporting", "saving"):
        monkeypatch.setattr(f"csft.model.{module}.check_checkpoint", lambda folder: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        model.export(net, tmp_path / "out", tokenizer, layout)
    assert not list(tmp_path.glob("*out*"))


def test_a_llama_goes_out_in_shared_words(tmp_path, tokenizer_folder):
    from transformers import LlamaConfig, LlamaForCausalLM

    rope = {"rope_type": "linear", "factor": 4.0, "rope_theta": 5e5}
    config = LlamaConfig(
        vocab_size=330, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4,
        rope_parameters=rope,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(tmp_path / "source")
    model.load_tokenizer(tokenizer_folder).save_pretrained(tmp_path / "source")
    net, tokenizer = model.load(tmp_path / "source")
    out = model.export(net, tmp_path / "out", tokenizer)
    written = json.loads((out / "config.json").read_text())
    assert (written["rope_theta"], written["rope_scaling"]["rope_type"]) == (5e5, "linear")
    again, _ = model.load(out)
    assert again.config.rope_parameters.items() >= rope.items()
    assert torch.equal(logits_of(again, [[1, 5, 9]])[0], logits_of(net, [[1, 5, 9]])[0])


def test_the_number_format_of_the_files(checkpoint, tmp_path):
    assert model.stored_dtype(checkpoint) == "float32"
    file = checkpoint / "model.safetensors"
    tensors = {name: tensor.bfloat16() for name, tensor in load_file(file).items()}
    save_file(tensors, file, metadata={"format": "pt"})
    assert model.stored_dtype(checkpoint) == "bfloat16"
    save_file(tensors | {"model.norm.weight": torch.ones(32)}, file, metadata={"format": "pt"})
    assert model.stored_dtype(checkpoint) == "float32"
