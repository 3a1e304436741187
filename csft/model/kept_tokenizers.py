"""A converted tokenizer kept in the cache, so that a sentencepiece model is turned into a fast one only once.

An entry's name follows the tokenizer's files and the libraries that converted them; it lists the hashes of
its own files, so that a damaged one is made anew.
"""

import json
import shutil
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from csft.console import say
from csft.files import cache_dir, hash_file, hash_value, whole_folder, write_json
from csft.model.fingerprints import tokenizer_fingerprint

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_LIBRARIES = ("transformers", "tokenizers")
_HASHES = "hashes.json"
_FORM = 1  # count up when `tokenizers.py` converts differently


def kept(folder: Path, convert: "Callable[[], PreTrainedTokenizerBase]") -> "PreTrainedTokenizerBase":
    """The tokenizer of `folder`: from the cache, or what `convert` makes, which then goes into the cache."""
    entry = cache_dir() / "tokenizers" / _key(folder)
    if entry.is_dir():
        if tokenizer := _read(entry):
            tokenizer.name_or_path = str(folder)
            return tokenizer
        say(f"{entry} is damaged: the tokenizer of {folder} is converted again.")
        shutil.rmtree(entry, ignore_errors=True)
    tokenizer = convert()
    _keep(tokenizer, entry)
    return tokenizer


def _key(folder: Path) -> str:
    versions = {name: metadata.version(name) for name in _LIBRARIES}
    return hash_value([_FORM, tokenizer_fingerprint(folder), versions])[:32]


def _read(entry: Path) -> "PreTrainedTokenizerBase | None":
    """The tokenizer of an entry, None when a file of it is missing or changed."""
    from transformers import PreTrainedTokenizerFast

    try:
        promised: dict[str, str] = json.loads((entry / _HASHES).read_text(encoding="utf-8"))
        if not promised or any(hash_file(entry / name) != digest for name, digest in promised.items()):
            return None
        return PreTrainedTokenizerFast.from_pretrained(entry, local_files_only=True)
    except (OSError, ValueError, AttributeError):
        return None


def _keep(tokenizer: "PreTrainedTokenizerBase", entry: Path) -> None:
    try:
        with whole_folder(entry) as folder:
            tokenizer.save_pretrained(folder)
            write_json(folder / _HASHES, {file.name: hash_file(file) for file in sorted(folder.iterdir())})
    except OSError as error:
        say(f"{entry} cannot be written ({error}): the tokenizer will be converted again the next time.")
