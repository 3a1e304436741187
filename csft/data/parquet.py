"""Alpaca records as Arrow tables, and out of a Parquet file again."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np

from csft.data.alpaca import Alpaca

_TEXTS = ("instruction", "input", "output", "system")


def schema() -> Any:
    """Four texts and `history`, a list of (user, assistant)."""
    import pyarrow as pa

    turn = pa.struct([("user", pa.string()), ("assistant", pa.string())])
    return pa.schema([*((name, pa.string()) for name in _TEXTS), ("history", pa.list_(turn))])


def as_table(records: Sequence[Alpaca]) -> Any:
    """One row per record. Raises UnicodeEncodeError for lone surrogates."""
    import pyarrow as pa

    spoken = list(chain.from_iterable(record.history for record in records))
    said = [pa.array([turn[side] for turn in spoken], pa.string()) for side in (0, 1)]
    ends = pa.array(accumulate((len(record.history) for record in records), initial=0), pa.int32())
    history = pa.ListArray.from_arrays(ends, pa.StructArray.from_arrays(said, ["user", "assistant"]))
    texts = [pa.array([getattr(record, name) for record in records], pa.string()) for name in _TEXTS]
    return pa.Table.from_arrays([*texts, history], schema=schema())


def read_parquet(path: Path) -> Iterator[Alpaca]:
    """Stream records out of a file whose tables `as_table` made."""
    import pyarrow.parquet as pq

    for group in range(pq.read_metadata(path).num_row_groups):
        yield from read_rows(path, group)


def read_rows(records: Path, group: int) -> Iterator[Alpaca]:
    """The records of a row group, read column by column: Arrow's structs are slow to turn into objects."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(records) as file:
        table = file.read_row_group(group, use_threads=False)
    texts = [table[name].to_pylist() for name in _TEXTS]
    for *text, history in zip(*texts, _histories(table["history"]), strict=True):
        instruction, given, output, system = text
        yield Alpaca(instruction, given, output, history, system)


def _histories(column: Any) -> Iterator[tuple[tuple[str, str], ...]]:
    for chunk in column.chunks:
        user, assistant = chunk.flatten().flatten()
        pairs = list(zip(user.to_pylist(), assistant.to_pylist(), strict=True))
        ends = np.cumsum(chunk.value_lengths().to_numpy(zero_copy_only=False)).tolist()
        yield from (tuple(pairs[start:end]) for start, end in zip([0, *ends], ends, strict=False))
