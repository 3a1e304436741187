"""metrics.jsonl: one JSON object per line, appended while a trial runs, readable whatever killed it."""

import json
import os
from pathlib import Path
from typing import Any

from csft.track.values import numbers


def ends_torn(path: Path) -> bool:
    """Tell whether the last line lacks its end, as a kill in the middle of a write leaves it."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def read_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Give the rows that can be read and the number of lines that cannot."""
    rows, unreadable = [], 0
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
            if not isinstance(row.get("step"), int):
                raise ValueError("a row without its step")
            rows.append(numbers(row))
        except (ValueError, AttributeError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
            unreadable += 1
    return rows, unreadable


def latest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what a continued trial logged again: where the step falls back to s, the rows from s on."""
    kept: list[dict[str, Any]] = []
    for row in rows:
        if kept and kept[-1]["step"] > row["step"]:
            while kept and kept[-1]["step"] >= row["step"]:
                kept.pop()
        kept.append(row)
    return kept
