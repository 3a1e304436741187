"""The token store: every record of a dataset tokenised once, served to any cut-off, mix, epoch or rate.

Flat little-endian arrays in one folder, memory-mapped; `meta.json` holds their lengths and SHA-256.

    tokens   [q0 q0 q0|a0 a0|q1 q1|a1 a1 a1|...]     user block (markers included), bare answer, ...
    pieces   where each piece begins: turn t asks piece 2t and answers piece 2t + 1
    first    a record's first turn    }  a dialogue's later records only add turns to the one before,
    turns    and how many it has      }  so they share its turns instead of repeating them
    system   a record's own system text, as a row of system_tokens, or -1 for the template's default
    chinese  whether what a record asks last holds a Chinese character

and of each turn how many tokens

    options    of its question, at the end, belong to lettered options
    statement  of its answer, at the end, belong to the line that states the right options
    closing    of its answer, at the end, are punctuation alone

Openings, separators and answer ends belong to the template and are added when a row is built, so both
generations of a template share a store.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csft.errors import DataError
from csft.files import hash_file, hash_value

FORMAT = 2
DTYPES = {  # tokens and system_tokens: <u2 or <u4, as the vocabulary asks for
    "pieces": "<i8",
    "first": "<i8",
    "turns": "<i4",
    "system": "<i4",
    "chinese": "|u1",
    "options": "<u2",
    "statement": "<u2",
    "closing": "|u1",
    "system_pieces": "<i8",
}

Array = NDArray[Any]


class TokenStore:
    """A finished store, read only, with the arrays above. `len`: its records; `hash` covers their content."""

    def __init__(self, folder: Path, arrays: dict[str, Array], meta: dict[str, Any]) -> None:
        self.folder, self.meta = folder, meta
        self.tokens, self.pieces = arrays["tokens"], arrays["pieces"]
        self.first, self.turns = arrays["first"], arrays["turns"]
        self.options, self.statement = arrays["options"], arrays["statement"]
        self.system, self.closing = arrays["system"], arrays["closing"]
        self.chinese = arrays["chinese"]
        self._system_tokens, self._system_pieces = arrays["system_tokens"], arrays["system_pieces"]
        self.hash = hash_value(meta["arrays"])

    def __len__(self) -> int:
        return len(self.first)

    @property
    def system_lengths(self) -> Array:
        """Tokens of each system text that records bring themselves."""
        return np.diff(self._system_pieces)

    def own_system(self, record: int) -> list[int] | None:
        """Ids of the record's own system block; None when it takes the template's default."""
        row = int(self.system[record])
        if row < 0:
            return None
        return _ids(self._system_tokens[self._system_pieces[row] : self._system_pieces[row + 1]])

    def record(self, record: int) -> list[tuple[list[int], list[int]]]:
        """Ids of each turn's user block and bare answer, uncut."""
        start, count = 2 * int(self.first[record]), 2 * int(self.turns[record])
        at = self.pieces[start : start + count + 1].tolist()
        ids = _ids(self.tokens[at[0] : at[-1]])
        cut = [ids[a - at[0] : b - at[0]] for a, b in pairwise(at)]
        return list(zip(cut[::2], cut[1::2], strict=True))


def open_store(folder: Path) -> TokenStore:
    """Map a store; DataError when it is not there whole, with the sizes and checksums it was written with."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        arrays = {name: _open(folder, name, entry) for name, entry in meta["arrays"].items()}
        if meta["format"] != FORMAT:
            raise DataError(f"it has format {meta['format']}, not {FORMAT}")
        return TokenStore(folder, arrays, meta)
    except (OSError, ValueError, KeyError, TypeError, DataError) as error:
        raise DataError(f"The token store {folder} cannot be used: {error}") from error


def _open(folder: Path, name: str, entry: dict[str, Any]) -> Array:
    path, dtype = folder / f"{name}.bin", np.dtype(entry["dtype"])
    if path.stat().st_size != entry["length"] * dtype.itemsize:
        raise DataError(
            f"{path.name} has {path.stat().st_size} bytes, not {entry['length'] * dtype.itemsize}"
        )
    if hash_file(path) != entry["sha256"]:
        raise DataError(f"{path.name} does not match its checksum")
    # a plain array over the map: slices of a memmap are slow to make
    return np.asarray(np.memmap(path, dtype, "r") if entry["length"] else np.empty(0, dtype))


def _ids(array: Array) -> list[int]:
    ids: list[int] = array.tolist()
    return ids
