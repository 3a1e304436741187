"""Raw files to a token store, each step kept in the cache and found again by its content.

    raw files --read--> Alpaca --screen--> screened/<key>/records.parquet + rejects.json --> tokens/<key>/

A key covers what decides the content: the raw files, the code that reads and screens them, the exam
questions, and for tokens the tokenizer and the template's marker text. Folders appear whole or not at all,
so several processes may start at once; the first to finish is kept.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csft.cmb import Question
from csft.console import progress, say
from csft.data import sources
from csft.data.alpaca import Alpaca
from csft.data.screen import ExamIndex, screen
from csft.data.store import FORMAT, TokenStore, open_store, write_store
from csft.data.template import TEMPLATES, Frame, bind, find
from csft.errors import DataError, SettingError
from csft.files import hash_file, hash_files, hash_value, whole_folder, write_json
from csft.rejects import Rejects

ROWS = 20_000  # records per Parquet row group


@dataclass(frozen=True)
class Prepared:
    """One dataset, ready to be drawn from. `read` records came in, `kept` stayed, `rejects` says why not."""

    dataset: str
    store: TokenStore
    frames: Mapping[str, Frame]
    read: int
    kept: int
    rejects: Mapping[str, int]

    @property
    def hash(self) -> str:
        """Of the tokens themselves: equal when the same records went through the same tokenizer."""
        return self.store.hash

    def frame(self, template: str) -> Frame:
        """The template's ids; SettingError when the store was written for another template's marker text."""
        if template not in self.frames:
            raise SettingError("template", template, f"with this token store: {', '.join(self.frames)}")
        return self.frames[template]


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


def prepare(
    datasets: Sequence[str],
    root: str | Path,
    tokenizer: Any,
    tokenizer_hash: str,
    template: str,
    *,
    exam_questions: Mapping[str, Sequence[Question]],
    cache: Path,
) -> dict[str, Prepared]:
    """Bring each dataset to a token store, from the cache where it is there already.

    `tokenizer_hash` must change with anything that changes the tokenizer's ids. Records that overlap a
    question of `exam_questions` (by split) are left out and counted. DataError names all missing datasets.
    """
    root, form = Path(root).expanduser(), find(template)
    frames = {n: bind(n, tokenizer) for n, t in TEMPLATES.items() if t.blocks == form.blocks}
    files, exams = find_files(datasets, root), ExamIndex(exam_questions)
    prepared = {}
    for name in datasets:
        key = screened_key(name, files[name], root, exams)
        folder = (
            cache / "tokens" / hash_value([key, tokenizer_hash, form.blocks, FORMAT, _code("store")])[:32]
        )
        store = _reopen(folder)
        if store is None:
            source = screened(name, root, cache, key, exams)
            _write_tokens(folder, source, name, tokenizer, template)
            store = open_store(folder)
        about = store.meta
        prepared[name] = Prepared(name, store, frames, about["read"], about["kept"], about["rejects"])
    return prepared


def find_files(datasets: Sequence[str], root: Path) -> dict[str, list[Path]]:
    """Raw files per dataset; one DataError for all that are missing, each with where it comes from."""
    found, missing = {}, []
    for name in datasets:
        try:
            found[name] = sources.raw_files(name, root)
        except DataError as error:
            missing.append(str(error))
    if missing:
        raise DataError("\n".join(missing))
    return found


def screened_key(dataset: str, files: Sequence[Path], root: Path, exams: ExamIndex) -> str:
    """What decides a dataset's screened records."""
    return hash_value([dataset, hash_files(files, root), exams.hash, _code("reading")])[:32]


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
    _put_away(folder, f"The screened records {folder} cannot be used: {reason}")
    return None


def _reopen(folder: Path) -> TokenStore | None:
    """The store, if it is there whole; a damaged one is put away and said so."""
    if not folder.is_dir():
        return None
    try:
        return open_store(folder)
    except DataError as error:
        _put_away(folder, str(error))
        return None


def _write_tokens(folder: Path, source: Screened, name: str, tokenizer: Any, template: str) -> None:
    about = {"dataset": name, "read": source.read, "kept": source.kept, "rejects": dict(source.rejects)}
    records = progress(source.records(), f"tokenise {name}", "record", source.kept)
    with whole_folder(folder) as temporary:
        write_store(temporary, records, tokenizer, find(template), about)


def _put_away(folder: Path, why: str) -> None:
    """Rename first: another process that finds the same damage must not delete what was built anew."""
    say(f"{why}. It is built again.")
    with tempfile.TemporaryDirectory(
        dir=folder.parent, prefix=".damaged.", ignore_cleanup_errors=True
    ) as aside:
        try:
            folder.rename(Path(aside) / "content")
        except FileNotFoundError:
            return
        shutil.rmtree(Path(aside) / "content", ignore_errors=True)


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


def _code(part: str) -> str:
    """Hash of the modules that decide what a step writes, so that a fixed reader is never served stale."""
    here = Path(__file__).parent
    if part == "store":
        return hash_files([here / "store.py", here / "template.py"])
    shared = [here / f"{name}.py" for name in ("alpaca", "screen", "template", "preparation")]
    return hash_files([*shared, here.parent / "cmb.py", *(here / "sources").glob("*.py")], here.parent)
