"""A tokenizer written so that transformers 4 and 5 read it without csft, and engines with them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft.files import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# `extra_special_tokens`, transformers 5's word, is here a list that transformers 4 stops on.
_EXTRA, _ADDITIONAL = "extra_special_tokens", "additional_special_tokens"
_SPOKEN = ("bos_token", "eos_token", "pad_token", "unk_token", "chat_template", "model_max_length")


def write_stock_tokenizer(tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    """tokenizer.json, and tokenizer_config.json less what names remote code or this machine."""
    tokenizer.save_pretrained(folder, save_jinja_files=False)
    file = folder / "tokenizer_config.json"
    written: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    settings = {key: written[key] for key in _SPOKEN if written.get(key) is not None}
    write_json(
        file,
        {
            **settings,
            _ADDITIONAL: written.get(_ADDITIONAL) or written.get(_EXTRA) or [],
            "clean_up_tokenization_spaces": False,
            "tokenizer_class": "PreTrainedTokenizerFast",
        },
    )
