"""What is kept of each conversation so that it can be compared with any other, in flat files.

units  [q q q q q|a a a|q q|a a a a ...]  normalised questions and answers, as UTF-16
sides  where each of them begins: conversation c asks from 2c and answers from 2c + 1
keys   equal where all is the same that must be the same: options, instruction (`parts`)
bands  one hash per band of the signature, conversation by conversation
rows   the first of its records in records.parquet, and how many of them are there
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from csft.data.screen.grams import Hashes
from csft.data.screen.plain import Places, Units, decode

_DTYPES = {"units": "<u2", "sides": "<i8", "keys": "<u8", "bands": "<u8", "rows": "<i8"}
_CHUNK = 1 << 18


@dataclass(frozen=True)
class Sketch:
    """Some conversations, in order; `sides` and `rows` count from the first of them."""

    units: Units
    sides: Places
    keys: Hashes
    bands: Hashes
    rows: Places


class SketchWriter:
    """Appends sketches to the files of a folder."""

    def __init__(self, folder: Path) -> None:
        self.files = ExitStack()
        self._out = {n: self.files.enter_context((folder / f"{n}.bin").open("wb")) for n in _DTYPES}
        self._end = 0
        self._append("sides", np.zeros(1, np.int64))

    def add(self, sketch: Sketch, rows: int) -> None:
        """Append a batch's sketches, whose first record is record `rows`."""
        self._append("units", sketch.units)
        self._append("sides", sketch.sides[1:] + self._end)
        self._append("keys", sketch.keys)
        self._append("bands", sketch.bands)
        self._append("rows", sketch.rows + np.array([rows, 0]))
        self._end += len(sketch.units)

    def _append(self, name: str, values: Units | Places | Hashes) -> None:
        values.astype(_DTYPES[name], copy=False).tofile(self._out[name])


class Sketches:
    """The sketches of a folder, mapped into memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._units: Units = self._map("units")
        self._sides: Places = self._map("sides")
        self.keys: Hashes = self._map("keys")
        self.rows: Places = self._map("rows").reshape(-1, 2)
        bands = (folder / "bands.bin").stat().st_size // 8
        self.bands = bands // len(self.keys) if len(self.keys) else 0

    def __len__(self) -> int:
        return len(self.keys)

    def texts(self, number: int) -> tuple[str, str]:
        """The normalised questions and answers of a conversation."""
        begin, middle, end = self._sides[2 * number : 2 * number + 3].tolist()
        return decode(self._units[begin:middle]), decode(self._units[middle:end])

    def band(self, number: int) -> Hashes:
        """One band of every conversation; read in pieces, so that the other bands stay out of memory."""
        return np.concatenate([np.empty(0, np.uint64), *self._pieces(number)])

    def _pieces(self, number: int) -> Iterator[Hashes]:
        with (self._folder / "bands.bin").open("rb") as file:
            while len(piece := np.fromfile(file, _DTYPES["bands"], _CHUNK * self.bands)):
                yield piece[number :: self.bands].copy()

    def _map(self, name: str) -> Any:
        path, dtype = self._folder / f"{name}.bin", np.dtype(_DTYPES[name])
        return np.memmap(path, dtype, "r") if path.stat().st_size else np.empty(0, dtype)


def write_rows(folder: Path, rows: Places) -> None:
    """Replace the conversations' places, once it is known which records are kept."""
    rows.astype(_DTYPES["rows"], copy=False).tofile(folder / "rows.bin")


FILES = tuple(f"{name}.bin" for name in _DTYPES)
