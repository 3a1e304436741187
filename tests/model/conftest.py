"""A small InternLM2 checkpoint made on the spot: tests without reference results need no shared folder."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

MARKERS = {
    "<|im_end|>": 328,
    "<|im_start|>": 329,
}  # [UNUSED_TOKEN_0] and _1 in the pieces, as in the real one


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """These tests make many tokenizers; the user's cache keeps none of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CSFT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentencepiece model and tokenizer_config.json of InternLM2's kind, 330 pieces."""
    import sentencepiece

    folder = tmp_path_factory.mktemp("tokenizer")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["头痛三天，加重一天。", "What is the diagnosis?", "答案是A。"] * 20),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=330,
        character_coverage=1.0,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        user_defined_symbols=[f"[UNUSED_TOKEN_{n}]" for n in range(2)],
        minloglevel=2,
    )
    (folder / "tokenizer.vocab").unlink()
    _placeholders_last(folder / "tokenizer.model")
    added = {0: "<unk>", 1: "<s>", 2: "</s>"} | {number: name for name, number in MARKERS.items()}
    settings = {
        "tokenizer_class": "InternLM2Tokenizer",
        "auto_map": {"AutoTokenizer": ["tokenization_internlm2.InternLM2Tokenizer", None]},
        "add_bos_token": True,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": "</s>",
        "unk_token": "<unk>",
        "added_tokens_decoder": {
            str(number): {"content": name, "special": True, "normalized": False}
            for number, name in added.items()
        },
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def _placeholders_last(file: Path) -> None:
    """As in the real model: the placeholders have the last ids."""
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(file.read_bytes())
    ordered = sorted(proto.pieces, key=lambda piece: piece.piece.startswith("[UNUSED"))
    del proto.pieces[:]
    proto.pieces.extend(ordered)
    file.write_bytes(proto.SerializeToString())


@pytest.fixture(scope="session")
def _made_once(tokenizer_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from csft import model

    net, tokenizer = model.scratch(
        tokenizer_folder, hidden=32, layers=2, heads=4, kv_heads=2, bias=True, seed=1
    )
    return model.save(net, tmp_path_factory.mktemp("made") / "checkpoint", tokenizer=tokenizer)


@pytest.fixture
def checkpoint(_made_once: Path, tmp_path: Path) -> Path:
    """A small InternLM2 checkpoint with its tokenizer, a copy each test may damage."""
    return Path(shutil.copytree(_made_once, tmp_path / "checkpoint"))


@pytest.fixture
def edit() -> Callable[..., None]:
    """Change keys of a JSON file; None deletes."""

    def change(file: Path, **values: object) -> None:
        content = json.loads(file.read_text()) | values
        file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))

    return change
