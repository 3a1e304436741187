"""Alpaca records as Arrow tables, and out of a Parquet file again."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

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

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(4096):
            texts = [batch.column(name).to_pylist() for name in _TEXTS]
            histories = batch.column("history").to_pylist()
            for instruction, text, output, system, history in zip(*texts, histories, strict=True):
                said = tuple((turn["user"], turn["assistant"]) for turn in history)
                yield Alpaca(instruction, text, output, said, system)
