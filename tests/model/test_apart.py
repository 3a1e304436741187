"""A network that mixes the records of a row is found out before it is trained."""

from functools import partial
from typing import Any

import pytest
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, OPTConfig

from csft.data.batches import collate
from csft.errors import ModelError
from csft.model import choose_attention
from csft.model.apart import check_apart

SMALL = {"vocab_size": 60, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
CONFIGS: dict[str, Any] = {
    "llama": LlamaConfig(**SMALL, intermediate_size=48),
    "gpt2": GPT2Config(vocab_size=60, n_embd=32, n_layer=2, n_head=4, n_positions=64),
    "opt": OPTConfig(**SMALL, ffn_dim=48, word_embed_proj_dim=32, max_position_embeddings=64),
}


@pytest.mark.parametrize("attention", ["eager", "sdpa", "varlen"])
@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", CONFIGS)
def test_a_network_that_mixes_records_is_named(family: str, attention: str, joined: bool, dtype: str) -> None:
    name, _ = choose_attention(attention, "cpu")
    net = AutoModelForCausalLM.from_config(CONFIGS[family], attn_implementation=name, dtype=dtype).train()
    lay_out = partial(collate, pad_id=2, joined=joined, attention=name)
    if family == "opt":
        with pytest.raises(ModelError, match=r"OPTForCausalLM mixes.*Set train\.batching=grouped"):
            check_apart(net, lay_out)
    else:
        check_apart(net, lay_out)
    assert net.training
