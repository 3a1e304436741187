"""The tokenizer beside a checkpoint, loaded without its own Python, checked against the model's vocabulary.

InternLM2 names a tokenizer class that exists only as remote code. transformers' general class reads its
sentencepiece model rightly; as a LlamaTokenizer every string differs.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.errors import ModelError
from csft.model.checkpoint import read_config
from csft.model.folders import model_folder, tokenizer_files
from csft.model.kept_tokenizers import kept

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CHAT_MARKERS = ("<|im_start|>", "<|im_end|>")


def load_tokenizer(path: str | Path) -> "PreTrainedTokenizerBase":
    """The tokenizer of a folder or hub id; remote code is never run.

    An InternLM2 tokenizer must know `<|im_start|>` and `<|im_end|>` as one token each, and no id may lie
    beyond the vocabulary of the config.json beside it (if there is one); both are a ModelError otherwise.
    """
    folder = model_folder(path)
    if not tokenizer_files(folder):
        raise ModelError(
            f"model={folder}: no tokenizer files (tokenizer.model, tokenizer.json, …). Copy them from the "
            "base model."
        )
    config = read_config(folder) if (folder / "config.json").is_file() else {}
    settings = _settings(folder)
    named = str(settings.get("tokenizer_class")).startswith("InternLM2Tokenizer")
    internlm2 = named or config.get("model_type") == "internlm2"
    tokenizer = kept(folder, lambda: _internlm2(folder, settings)) if internlm2 else _any(folder)
    vocabulary = config.get("vocab_size")
    if isinstance(vocabulary, int):
        check_vocabulary(tokenizer, vocabulary, folder)
    return tokenizer


def vocabulary_size(tokenizer: "PreTrainedTokenizerBase") -> int:
    """Rows an embedding needs for every id (more than `len(tokenizer)` when ids have gaps)."""
    return int(max(tokenizer.get_vocab().values())) + 1


def check_vocabulary(tokenizer: "PreTrainedTokenizerBase", rows: int, folder: Path) -> None:
    """Stop when a token has no row in the embedding; spare rows are fine."""
    needed = vocabulary_size(tokenizer)
    if needed > rows:
        token = next(token for token, number in tokenizer.get_vocab().items() if number == needed - 1)
        raise ModelError(
            f"model={folder}: the tokenizer has ids up to {needed - 1} ({token!r}), the vocabulary has "
            f"vocab_size={rows} rows. Tokenizer and weights are of different models, or "
            "tokenizer_config.json has lost its added_tokens_decoder."
        )


def _settings(folder: Path) -> dict[str, Any]:
    """tokenizer_config.json, empty when there is none."""
    file = folder / "tokenizer_config.json"
    try:
        settings = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise ModelError(f"model={folder}: tokenizer_config.json is not a JSON object. Fetch it again.")
    return settings


def _internlm2(folder: Path, settings: dict[str, Any]) -> Any:
    """InternLM2's sentencepiece model read as the original class does, torch not needed.

    Without a list of special tokens transformers would also add the placeholder pieces that
    `added_tokens_decoder` renames (`[UNUSED_TOKEN_146]` is `<|im_start|>`) once more, with ids beyond the
    vocabulary.
    """
    if not any((folder / name).is_file() for name in ("tokenizer.model", "tokenizer.json")):
        raise ModelError(f"model={folder}: tokenizer.model is missing. Copy it from the base model.")
    from transformers import PreTrainedTokenizerFast

    arguments = {}
    decoder = settings.get("added_tokens_decoder")
    if isinstance(decoder, dict) and "additional_special_tokens" not in settings:
        single = {settings.get(f"{role}_token") for role in ("bos", "eos", "pad", "unk")}
        named = [token["content"] for token in decoder.values() if token.get("special")]
        arguments["additional_special_tokens"] = [name for name in named if name not in single]
    tokenizer = _read(PreTrainedTokenizerFast, folder, **arguments)
    _check_markers(tokenizer, folder)
    return tokenizer


def _any(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return _read(AutoTokenizer, folder, trust_remote_code=False)


def _read(kind: Any, folder: Path, **arguments: Any) -> Any:
    try:
        return kind.from_pretrained(folder, local_files_only=True, **arguments)
    except Exception as error:  # a damaged file raises whatever its parser does: protobuf, tokenizers, JSON
        raise ModelError(
            f"model={folder}: the tokenizer cannot be read ({type(error).__name__}: {error}). "
            "Copy its files from the base model again."
        ) from error


def _check_markers(tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    for marker in CHAT_MARKERS:
        ids = tokenizer.encode(marker, add_special_tokens=False)
        if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
            raise ModelError(
                f"model={folder}: {marker} is {len(ids)} tokens {ids}, it must be one. tokenizer_config.json "
                "has to name it in added_tokens_decoder, as an InternLM2 chat model's does."
            )
