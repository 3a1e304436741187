"""The tiny model that csft and LLaMA-Factory both train: a Llama with InternLM2's markers in its vocabulary.

16k   a byte-level BPE of 16,000 entries, trained here: 14.1 M parameters, over half of them in the blocks
92k   InternLM2's own vocabulary: 53.3 M parameters, 47.4 M of them embedding and head
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from csft import model

BODY = {
    "hidden_size": 256,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "intermediate_size": 704,
    "max_position_embeddings": 4096,
    "rope_theta": 1e6,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 2,
}
MARKERS = ["<|im_start|>", "<|im_end|>"]
SINGLE = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}  # ids 0, 1, 2
# The sizes of the smallest InternLM2 that tests compare with the original code.
TINY = {"hidden_size": 64, "num_hidden_layers": 4, "num_key_value_heads": 2, "intermediate_size": 160}
RANK = 8


def make(
    folder: Path,
    vocabulary: str,
    texts: Iterable[str],
    tokenizer: Path,
    body: Mapping[str, int | float] = BODY,
) -> Path:
    """Write the model to `folder`; `texts` train the tokenizer of 16k, `tokenizer` is that of 92k."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    made = _bpe(texts, 16_000) if vocabulary == "16k" else model.load_tokenizer(tokenizer).backend_tokenizer
    made.save(str(folder / "tokenizer.json"))
    words = {**SINGLE, "pad_token": "</s>", "additional_special_tokens": MARKERS}
    words |= {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    (folder / "tokenizer_config.json").write_text(json.dumps(words))
    torch.manual_seed(0)
    size = made.get_vocab_size() if vocabulary == "16k" else 92_544
    LlamaForCausalLM(LlamaConfig(vocab_size=size, **body)).save_pretrained(folder)
    return folder


def adapter(base: Path, folder: Path) -> Path:
    """A new LoRA adapter on every linear layer but the head, for both to start from."""
    return model.save_adapter(model.adapt(model.load_net(base), "lora", RANK, 2 * RANK), folder)


def _bpe(texts: Iterable[str], size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[*SINGLE.values(), *MARKERS],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer
