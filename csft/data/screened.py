"""A dataset's screened records: raw files read and screened once, kept as Parquet in the cache."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csft.console import progress
from csft.data import sources
from csft.data.alpaca import Alpaca
from csft.data.cache import code_hash, put_away
from csft.data.screen import ExamIndex, screen
from csft.files import hash_file, hash_files, hash_value, whole_folder, write_json
from csft.rejects import Rejects

ROWS = 20_000  # records per Parquet row group


@dataclass(frozen=True)
class Screened:
    """A dataset's kept records as Parquet, and what was left out."""

    folder: Path
    read: int
    kept: int
    rejects: Mapping[str, int]

    def records(self) -> Iterator[Alpaca]:
        """Stream the records; DataError if the file is not the one that was written."""
        return read_parquet(self.folder / "records.parquet")


def screened_key(dataset: str, files: Sequence[Path], root: Path, exams: ExamIndex) -> str:
    """What decides a dataset's screened records."""
    return hash_value([dataset, hash_files(files, root), exams.hash, _code()])[:32]


def screened(dataset: str, root: Path, cache: Path, key: str, exams: ExamIndex) -> Screened:
    """Read and screen a dataset, or find it in the cache."""
    folder = cache / "screened" / key
    about = _screened_meta(folder)
    if about is None:
        with whole_folder(folder) as temporary:
            _write_screened(temporary, dataset, root, exams)
        about = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    return Screened(folder, about["read"], about["kept"], about["rejects"])


def _write_screened(folder: Path, dataset: str, root: Path, exams: ExamIndex) -> None:
    rejects = Rejects()
    records = progress(sources.read(dataset, root, rejects), f"screen {dataset}", "record")
    path = folder / "records.parquet"
    kept = write_parquet(path, screen(records, exams, rejects))
    write_json(folder / "rejects.json", {"counts": dict(rejects.counts), "examples": rejects.examples})
    about = {"dataset": dataset, "read": kept + rejects.total, "kept": kept, "rejects": dict(rejects.counts)}
    write_json(folder / "meta.json", {**about, "sha256": hash_file(path)})


def _screened_meta(folder: Path) -> dict[str, Any] | None:
    """What is known of screened records that are there whole; None otherwise, a damaged folder put away."""
    if not folder.is_dir():
        return None
    try:
        about: dict[str, Any] = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        if about["sha256"] == hash_file(folder / "records.parquet"):
            return about
        reason = "records.parquet does not match its checksum"
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error)
    put_away(folder, f"The screened records {folder} cannot be used: {reason}")
    return None


def write_parquet(path: Path, records: Iterator[Alpaca]) -> int:
    """Stream records into a Parquet file; how many there were."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    turn = pa.struct([("user", pa.string()), ("assistant", pa.string())])
    texts = [(name, pa.string()) for name in ("instruction", "input", "output", "system")]
    schema = pa.schema([*texts, ("history", pa.list_(turn))])
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        rows: list[dict[str, Any]] = []
        for record in records:
            rows.append(_row(record))
            count += 1
            if len(rows) == ROWS:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows = []
        writer.write_table(pa.Table.from_pylist(rows, schema))
    return count


def read_parquet(path: Path) -> Iterator[Alpaca]:
    """Stream records out of a file that `write_parquet` wrote."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(4096):
            for row in batch.to_pylist():
                history = tuple((turn["user"], turn["assistant"]) for turn in row.pop("history"))
                yield Alpaca(history=history, **row)


def _row(record: Alpaca) -> dict[str, Any]:
    return {
        "instruction": record.instruction,
        "input": record.input,
        "output": record.output,
        "system": record.system,
        "history": [{"user": user, "assistant": assistant} for user, assistant in record.history],
    }


def _code() -> str:
    here = Path(__file__).parent
    shared = [here / f"{name}.py" for name in ("alpaca", "screen", "template", "screened")]
    return code_hash([*shared, here.parent / "cmb.py", *(here / "sources").glob("*.py")])
