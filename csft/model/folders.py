"""Where a model lies: a folder, a hub id whose snapshot is in (or comes into) the hub's cache, a package."""

import re
from pathlib import Path

from csft.errors import ModelError
from csft.model.packaged import SCHEME, packaged_folder

TOKENIZER_FILES = (
    "tokenizer.model",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "chat_template.jinja",
)
# Pickled weights stay behind: they are never read. Python files come as data, so that a saved copy is whole.
_WANTED = ("*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", "*.py")
_HUB_ID = re.compile(r"(?P<id>[\w-][\w.-]*(?:/[\w-][\w.-]*)?)(?:@(?P<revision>[\w./-]+))?")


def model_folder(path: str | Path, download: bool = True) -> Path:
    """The local folder of a model.

    `path` is a folder, a hub id `owner/name`, `owner/name@revision`, or `package:name`. With `download` a
    snapshot that is not in the hub's cache yet is fetched; without it, that is a ModelError.
    """
    if str(path).startswith(SCHEME):
        return packaged_folder(str(path))
    folder = Path(path).expanduser()
    if folder.is_dir():
        return folder.resolve()
    hub_id = _HUB_ID.fullmatch(str(path))
    if hub_id is None or folder.exists():
        raise ModelError(
            f"model={path} is not a folder. Give a checkpoint's folder or a hub id such as owner/name."
        )
    return _snapshot(hub_id["id"], hub_id["revision"], download)


def is_hub_id(path: str | Path) -> bool:
    """Whether `path`, which `model_folder` takes, is neither a folder nor a package."""
    return not str(path).startswith(SCHEME) and not Path(path).expanduser().is_dir()


def tokenizer_files(folder: Path) -> list[Path]:
    """The files in `folder` that decide how text becomes ids."""
    return [folder / name for name in TOKENIZER_FILES if (folder / name).is_file()]


def _snapshot(hub_id: str, revision: str | None, download: bool) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        return Path(
            snapshot_download(
                hub_id, revision=revision, allow_patterns=list(_WANTED), local_files_only=not download
            )
        )
    except (HfHubHTTPError, HFValidationError, OSError, ValueError) as error:
        pinned = f" --revision {revision}" if revision else ""
        raise ModelError(
            f"model={hub_id} is neither a folder here nor in the hub's cache, and was not fetched "
            f"({type(error).__name__}). Give a folder, or run `hf download {hub_id}{pinned}` where there "
            "is a network."
        ) from error
