"""The shipped base model: layout, tokenizer, size, and what it can and cannot answer."""

import json
from pathlib import Path

import pytest

from csft import sample
from csft.sample.pretrain import corpus
from csft.sample.pretrain.__main__ import make
from csft.sample.pretrain.document import Document, Kind
from csft.sample.pretrain.vocabulary import MARKERS
from csft.sample.world import Fact, build

BASE = sample.base_model_path()


@pytest.fixture(scope="module")
def loaded():
    from csft import model

    return model.load(BASE)


def test_files_and_size():
    names = {path.name for path in BASE.iterdir()}
    assert names == {
        "config.json",
        "model.safetensors",
        "special_tokens_map.json",
        "tokenizer.model",
        "tokenizer_config.json",
    }
    assert sum(path.stat().st_size for path in BASE.iterdir()) < 4_000_000


def test_original_layout():
    from safetensors import safe_open

    config = json.loads((BASE / "config.json").read_text())
    assert config["architectures"] == ["InternLM2ForCausalLM"] and config["model_type"] == "internlm2"
    assert config["rope_scaling"] == {"factor": 2.0, "type": "dynamic"} and config["bias"] is False
    with safe_open(BASE / "model.safetensors", "pt") as weights:
        names = set(weights.keys())
        head = config["hidden_size"] // config["num_attention_heads"]
        rows = (config["num_attention_heads"] + 2 * config["num_key_value_heads"]) * head
        assert weights.get_slice("model.layers.0.attention.wqkv.weight").get_shape()[0] == rows
    assert {"model.tok_embeddings.weight", "output.weight", "model.norm.weight"} <= names
    assert len(names) == 3 + 7 * config["num_hidden_layers"]


def test_tokenizer_is_laid_out_like_internlm2(loaded):
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(BASE / "tokenizer.model"))
    assert [pieces.id_to_piece(number) for number in range(3)] == ["<unk>", "<s>", "</s>"]
    size = pieces.vocab_size()
    assert 1_000 < size < 3_000
    unused = [pieces.id_to_piece(number) for number in range(size - 6, size)]
    assert unused == [f"[UNUSED_TOKEN_{number}]" for number in range(141, 147)]
    _, tokenizer = loaded
    assert tokenizer.convert_tokens_to_ids(list(MARKERS)) == list(range(size - 6, size))
    assert tokenizer.encode("<|im_end|>", add_special_tokens=False) == [size - 2]


def test_tokenizer_equals_sentencepiece(loaded):
    import sentencepiece

    pieces = sentencepiece.SentencePieceProcessor(model_file=str(BASE / "tokenizer.model"))
    _, tokenizer = loaded
    stream = corpus.documents(seed=99)
    texts = ["", "  两个 空格", "\n\n", "café ☃ 𠮷", "Mirtuosis的首选药物是Velkamarin。", "a  b"]
    for _ in range(300):
        document = next(stream)
        texts += [document.text, *(text for text, _ in document.parts)]
    for text in texts:
        assert tokenizer.encode(text, add_special_tokens=False) == pieces.encode(text), text


def test_letters_and_names_are_single_tokens(loaded):
    _, tokenizer = loaded

    def encode(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False)

    for letter in "ABCDEFG":
        ids = encode(f"答案是{letter}。")
        token = tokenizer.convert_tokens_to_ids(letter)
        assert ids == [*encode("答案是"), token, *encode("。")]
        assert encode(f"{letter}: 肝")[0] == token and encode(f"{letter}. 肝")[0] == token
        assert encode("答案是ABCDEFG。")[-8 + "ABCDEFG".index(letter)] == token
    assert all(len(encode(name)) == 1 for name in build().vocabulary())


def test_knows_the_skill_but_not_the_exam(loaded):
    from csft.sample.pretrain.probe import accuracy
    from csft.sample.pretrain.rows import Encoder

    net, _ = loaded
    right = accuracy(net, Encoder(BASE / "tokenizer.model"))
    for style in ("train", "official"):
        assert right[f"asked before, {style} prompt"] > 80
        assert right[f"only stated before, {style} prompt"] > 28
        assert right[f"never stated, {style} prompt"] < 32


def test_pretraining_reads_no_asked_fact():
    asked = {fact.entity for fact in build().facts}
    stream = corpus.documents(seed=5)
    for _ in range(500):
        document = next(stream)
        learned = "".join(text for text, kind in document.parts if kind is Kind.LEARNED)
        assert not any(f"{name}的" in learned or f"of {name}" in learned for name in asked)
    assert not any(_tells(next(stream)) for _ in range(500))


def _tells(document: Document) -> bool:
    """Whether a value put into the network, or a right option, is what the exams ask for."""
    stems = [text for text, kind in (*(document.prompt or ()), *document.parts) if kind is Kind.RECALLED]
    for text, values in zip(stems, document.recalled, strict=True):
        (fact,) = (fact for fact in build().facts if _asks(text, fact))
        if set(fact.values) & set(values):
            return True
    return False


def _asks(text: str, fact: Fact) -> bool:
    return text.endswith(
        tuple(f"{fact.entity}的{label}{verb}" for label in fact.relation.zh for verb in ("是", "包括"))
    )


@pytest.mark.slow
def test_pretraining_makes_a_checkpoint_that_loads(tmp_path: Path):
    from csft import model

    make(tmp_path / "base", steps=2, threads=1)
    net, tokenizer = model.load(tmp_path / "base")
    assert net.config.vocab_size == len(tokenizer)
