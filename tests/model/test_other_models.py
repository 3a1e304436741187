"""Any transformers causal language model goes the same way."""

import shutil

import pytest
import torch

from csft import model


def tiny(kind):
    import transformers

    sizes = {
        "vocab_size": 330,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
    }
    config = getattr(transformers, f"{kind}Config")(**sizes)
    return getattr(transformers, f"{kind}ForCausalLM")(config)


@pytest.mark.parametrize("kind", ["Llama", "Qwen2"])
def test_load_adapt_merge_save(kind, tmp_path, tokenizer_folder):
    source = tmp_path / "source"
    tiny(kind).save_pretrained(source)
    model.load_tokenizer(tokenizer_folder).save_pretrained(source)
    net, tokenizer = model.load(source, attention="sdpa")
    ids = tokenizer("头痛三天", return_tensors="pt").input_ids
    with torch.no_grad():
        expected = net(ids).logits
        merged = model.merged(model.adapt(net, "lora", rank=2))  # a fresh adapter adds nothing
        back, again = model.load(model.save(merged, tmp_path / "saved"))
        torch.testing.assert_close(back(ids).logits, expected)
    assert again("头痛三天").input_ids == tokenizer("头痛三天").input_ids
    assert (tmp_path / "saved" / "tokenizer.json").read_bytes() == (source / "tokenizer.json").read_bytes()


def test_a_tokenizer_given_is_written_when_the_source_has_none(tmp_path, tokenizer_folder):
    tiny("Llama").save_pretrained(tmp_path / "source")
    tokenizer = model.load_tokenizer(tokenizer_folder)
    saved = model.save(model.load_net(tmp_path / "source"), tmp_path / "saved", tokenizer=tokenizer)
    assert model.load(saved)[1]("头痛").input_ids == tokenizer("头痛").input_ids
    shutil.rmtree(tmp_path / "source")
