"""What reading any file of a checkpoint shares: JSON with a clear error, a few of many names."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from csft.errors import ModelError

_NAMES_SHOWN = 4


def some(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    ordered = sorted(names)
    more = f" and {len(ordered) - _NAMES_SHOWN} more" if len(ordered) > _NAMES_SHOWN else ""
    return ", ".join(ordered[:_NAMES_SHOWN]) + more


def read_json(file: Path) -> dict[str, Any]:
    """A JSON object; anything else is a ModelError."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(
            f"model={file.parent}: {file.name} is not JSON ({error}). Fetch it again."
        ) from error
    if not isinstance(value, dict):
        raise ModelError(f"model={file.parent}: {file.name} is not a JSON object. Fetch it again.")
    return value
