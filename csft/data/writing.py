"""Writing a token store: row groups of screened records, tokenised on all cores, joined in their order."""

import hashlib
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from csft.console import bar
from csft.data.parquet import read_rows
from csft.data.store import DTYPES, FORMAT, Array
from csft.data.tokenising import Part, Tokeniser
from csft.files import write_json
from csft.workers import cores, each

MANY = 100_000  # records from which worker processes, a second to start, are worth it


def write_store(
    folder: Path, records: Path, tokeniser: Tokeniser, about: Mapping[str, Any], *, workers: int | None = None
) -> None:
    """Tokenise a Parquet file of records into `folder`; `about` goes into meta.json.

    The arrays do not depend on `workers`, by default one per core: turns are shared within a row group.
    """
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(records)
    rows = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    if workers is None:
        workers = min(cores(), len(rows)) if sum(rows) >= MANY else 1
    with _Writer(folder, tokeniser) as writer:
        parts = each(partial(_part, tokeniser, records), range(len(rows)), workers)
        with bar(f"tokenise {about.get('dataset', records)}", "record", sum(rows)) as shown:
            for count, part in zip(rows, parts, strict=True):
                writer.add(part)
                shown.update(count)
        entries = writer.finish()
    write_json(folder / "meta.json", {"format": FORMAT, **about, "arrays": entries})


def needed(records: Path) -> int:
    """About how many bytes the store of a Parquet file takes: a token is four, and so is a token's text."""
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(records)
    texts = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    return int(texts + 48 * metadata.num_rows)


def _part(tokeniser: Tokeniser, records: Path, group: int) -> Part:
    return tokeniser.part(list(read_rows(records, group)))


class _Writer:
    """Appends parts to the arrays of one folder, hashing what it writes."""

    def __init__(self, folder: Path, tokeniser: Tokeniser) -> None:
        self._tokeniser, self._folder = tokeniser, folder
        self._dtypes = {"tokens": tokeniser.token_dtype, "system_tokens": tokeniser.token_dtype, **DTYPES}
        self._files = ExitStack()
        self._hashes = {name: hashlib.sha256() for name in self._dtypes}
        self._lengths = dict.fromkeys(self._dtypes, 0)
        self._systems: dict[str, int] = {}
        self._out = {n: self._files.enter_context((folder / f"{n}.bin").open("wb")) for n in self._dtypes}
        self._append("pieces", np.zeros(1))

    def __enter__(self) -> "_Writer":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, part: Part) -> None:
        """Append a part; what it counts from its own beginning is counted from the store's."""
        arrays = dict(part.arrays)
        own = [self._systems.setdefault(text, len(self._systems)) for text in part.systems]
        arrays["system"] = np.array([*own, -1], np.int32)[arrays["system"]]  # -1 is the last of the list
        arrays["first"] = arrays["first"] + self._lengths["closing"]
        arrays["pieces"] = self._lengths["tokens"] + np.cumsum(part.lengths)
        for name, array in arrays.items():
            self._append(name, array)

    def finish(self) -> dict[str, dict[str, Any]]:
        """Write the system texts that records brought themselves; what meta.json says of each array."""
        form = self._tokeniser.template.system
        tokens, lengths = self._tokeniser.encoder.encode([text.join(form) for text in self._systems])
        self._append("system_tokens", tokens)
        self._append("system_pieces", np.cumsum([0, *lengths]))
        return {
            name: {
                "dtype": dtype,
                "length": self._lengths[name],
                "sha256": self._hashes[name].hexdigest(),
            }
            for name, dtype in self._dtypes.items()
        }

    def _append(self, name: str, array: Array) -> None:
        content = np.ascontiguousarray(array, self._dtypes[name])
        self._out[name].write(content.data)  # not tofile, whose errors do not say that the disk is full
        self._hashes[name].update(content.data)
        self._lengths[name] += len(content)
