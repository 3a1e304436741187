"""Folders whose `meta.json` holds the checksum of every file in them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from csft.errors import DataError
from csft.files import hash_file, write_json


def seal(folder: Path, about: Mapping[str, Any]) -> None:
    """Write `meta.json` over the files that are there."""
    sums = {path.name: hash_file(path) for path in sorted(folder.iterdir())}
    write_json(folder / "meta.json", {**about, "sha256": sums})


def read_sealed(folder: Path) -> dict[str, Any]:
    """What `seal` wrote; DataError when a file is not the one that was there."""
    try:
        about: dict[str, Any] = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        wrong = [name for name, sum_ in about["sha256"].items() if hash_file(folder / name) != sum_]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder} cannot be used: {error}") from error
    if wrong:
        raise DataError(f"{folder} cannot be used: {', '.join(wrong)} does not match its checksum")
    return about
