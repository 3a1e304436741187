"""Any transformers causal language model goes the same way."""

import shutil

import pytest
import torch

from csft import model

KINDS = ("Llama", "Qwen2", "Qwen3", "Mistral", "GPT2")


def tiny(kind):
    import transformers

    ids = {"vocab_size": 330, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    if kind == "GPT2":
        sizes = {"n_embd": 32, "n_layer": 2, "n_head": 4}
    name = "GPT2LMHeadModel" if kind == "GPT2" else f"{kind}ForCausalLM"
    return getattr(transformers, name)(getattr(transformers, f"{kind}Config")(**ids, **sizes))


@pytest.fixture(params=KINDS)
def source(request, tmp_path, tokenizer_folder):
    tiny(request.param).save_pretrained(tmp_path / "source")
    model.load_tokenizer(tokenizer_folder).save_pretrained(tmp_path / "source")
    return tmp_path / "source"


def step(net, ids):
    """One update of what is trained; the loss before and after."""
    trained = [weight for weight in net.parameters() if weight.requires_grad]
    optimiser = torch.optim.SGD(trained, lr=0.1)
    net.train()
    losses = []
    for _ in range(3):
        loss = net(ids, labels=ids, use_cache=False).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    net.eval()
    return losses


@pytest.mark.parametrize("method", ["full", "lora"])
def test_load_train_save(source, tmp_path, method):
    net, tokenizer = model.load(source, attention="sdpa")
    ids = tokenizer("头痛三天，加重一天。", return_tensors="pt").input_ids
    net = model.adapt(net, method, rank=2, alpha=4)  # small steps, so that each lowers the loss
    losses = step(net, ids)
    assert losses[-1] < losses[0]
    with torch.no_grad():
        expected = net(ids).logits
        if method == "lora":
            adapter = model.save_adapter(net, tmp_path / "adapter")
            again = model.load_adapter(model.load_net(source), adapter)
            assert torch.equal(again(ids).logits, expected)
            net = model.merged(net)
        back, its_tokenizer = model.load(model.save(net, tmp_path / "saved"))
        torch.testing.assert_close(back(ids).logits, expected)
    assert its_tokenizer("头痛三天").input_ids == tokenizer("头痛三天").input_ids
    assert (tmp_path / "saved" / "tokenizer.json").read_bytes() == (source / "tokenizer.json").read_bytes()


def test_a_tokenizer_given_is_written_when_the_source_has_none(tmp_path, tokenizer_folder):
    tiny("Llama").save_pretrained(tmp_path / "source")
    tokenizer = model.load_tokenizer(tokenizer_folder)
    saved = model.save(model.load_net(tmp_path / "source"), tmp_path / "saved", tokenizer=tokenizer)
    assert model.load(saved)[1]("头痛").input_ids == tokenizer("头痛").input_ids
    shutil.rmtree(tmp_path / "source")
