"""The token store: every record of a dataset tokenised once, served to any cut-off, mix, epoch or rate.

Flat little-endian arrays in one folder, memory-mapped; `meta.json` holds their lengths and SHA-256.

    tokens   [q0 q0 q0|a0 a0|q1 q1|a1 a1 a1|...]     user block (markers included), bare answer, ...
    pieces   where each piece begins: turn t asks piece 2t and answers piece 2t + 1
    first    a record's first turn    }  a dialogue's later records only add a turn to the one before,
    turns    and how many it has      }  so they share its turns instead of repeating them
    system   a record's own system text, as a row of system_tokens, or -1 for the template's default
    closing  how many tokens at an answer's end are punctuation alone

Openings, separators and answer ends belong to the template and are added when a row is built, so both
generations of a template share a store.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from csft.data.template import Template, Turn, encode_texts, encode_turns, turns
from csft.errors import DataError
from csft.files import hash_file, hash_value, write_json

if TYPE_CHECKING:
    from csft.data.alpaca import Alpaca

FORMAT = 1
BATCH = 4096  # records tokenised together
_DTYPES = {
    "pieces": "<i8",
    "first": "<i8",
    "turns": "<i4",
    "system": "<i4",
    "closing": "|u1",
    "system_pieces": "<i8",
}

Array = NDArray[Any]


class TokenStore:
    """A finished store, read only. `len` is its number of records; `hash` covers its arrays' content."""

    def __init__(self, folder: Path, arrays: dict[str, Array], meta: dict[str, Any]) -> None:
        self.folder, self.meta = folder, meta
        self.tokens, self.pieces = arrays["tokens"], arrays["pieces"]
        self.first, self.turns = arrays["first"], arrays["turns"]
        self.system, self.closing = arrays["system"], arrays["closing"]
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
    return np.memmap(path, dtype, "r") if entry["length"] else np.empty(0, dtype)


def write_store(
    folder: Path, records: Iterable["Alpaca"], tokenizer: Any, template: Template, about: dict[str, Any]
) -> None:
    """Tokenise a stream of records into `folder`, `BATCH` at a time; `about` goes into meta.json."""
    writer = _Writer(folder, tokenizer, template)
    with writer.files:
        for batch in _batched(records, BATCH):
            writer.add(batch)
        writer.finish()
    entries = {}
    for name, dtype in writer.dtypes.items():
        path = folder / f"{name}.bin"
        length = path.stat().st_size // np.dtype(dtype).itemsize
        entries[name] = {"dtype": dtype, "length": length, "sha256": hash_file(path)}
    write_json(folder / "meta.json", {"format": FORMAT, **about, "arrays": entries})


class _Writer:
    """Appends batches of records to the arrays of one folder."""

    def __init__(self, folder: Path, tokenizer: Any, template: Template) -> None:
        self._tokenizer, self._template = tokenizer, template
        token = "<u2" if len(tokenizer) <= 1 << 16 else "<u4"
        self.dtypes = {"tokens": token, "system_tokens": token, **_DTYPES}
        self.files = ExitStack()
        self._out = {n: self.files.enter_context((folder / f"{n}.bin").open("wb")) for n in self.dtypes}
        self._spoken: list[Turn] = []  # the record before this one, while its turns can be shared
        self._turns_written = 0
        self._systems: dict[str, int] = {}
        self._closing: dict[int, bool] = {}
        self._end = self._system_end = 0
        self._append("pieces", [0])
        self._append("system_pieces", [0])

    def add(self, records: list["Alpaca"]) -> None:
        """Tokenise and append, sharing turns with the record before where the dialogue only goes on."""
        fresh: list[Turn] = []
        first, count = [], []
        for record in records:
            spoken = turns(record)
            shared = len(self._spoken) if self._spoken and spoken[:-1] == self._spoken else 0
            fresh += spoken[shared:]
            self._turns_written += len(spoken) - shared
            first.append(self._turns_written - len(spoken))
            count.append(len(spoken))
            self._spoken = spoken
        self._append("first", first)
        self._append("turns", count)
        self._append("system", [self._system(record.system) for record in records])
        self._append_turns(encode_turns(self._tokenizer, self._template, fresh))

    def finish(self) -> None:
        """Write the system texts that records brought themselves."""
        form = self._template.system
        for ids in encode_texts(self._tokenizer, [text.join(form) for text in self._systems]):
            self._system_end += len(ids)
            self._append("system_tokens", ids)
            self._append("system_pieces", [self._system_end])

    def _system(self, text: str) -> int:
        return self._systems.setdefault(text, len(self._systems)) if text else -1

    def _append_turns(self, encoded: list[tuple[list[int], list[int]]]) -> None:
        pieces = list(chain.from_iterable(encoded))
        ends = self._end + np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
        self._append("tokens", list(chain.from_iterable(pieces)))
        self._append("pieces", ends)
        self._append("closing", [self._closing_marks(answer) for _, answer in encoded])
        self._end = int(ends[-1]) if len(ends) else self._end

    def _append(self, name: str, values: Any) -> None:
        np.asarray(values, dtype=self.dtypes[name]).tofile(self._out[name])

    def _closing_marks(self, answer: list[int]) -> int:
        """How many tokens at the answer's end are punctuation or blanks alone, at most 255."""
        count = 0
        for token in reversed(answer[-255:]):
            if token not in self._closing:
                text = self._tokenizer.decode([token])
                self._closing[token] = all(unicodedata.category(char)[0] in "PZC" for char in text)
            if not self._closing[token]:
                break
            count += 1
        return count


def _batched(records: Iterable["Alpaca"], size: int) -> Iterator[list["Alpaca"]]:
    batch: list[Alpaca] = []
    for record in records:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _ids(array: Array) -> list[int]:
    ids: list[int] = array.tolist()
    return ids
