"""Raw files to a token store, each step kept in the cache and found again by its content.

    raw files --read--> Alpaca --screen--> screened/<key>/records.parquet + rejects.json --> tokens/<key>/

A key covers what decides the content: the raw files, the code that reads and screens them, the exam
questions, and for tokens the tokenizer and the template's marker text. Folders appear whole or not at all,
so several processes may start at once; the first to finish is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csft.cmb import Question
from csft.console import progress
from csft.data import sources
from csft.data.cache import code_hash, put_away
from csft.data.screen import ExamIndex
from csft.data.screened import Screened, screened, screened_key
from csft.data.store import FORMAT, TokenStore, open_store, write_store
from csft.data.template import TEMPLATES, Frame, bind, find
from csft.errors import DataError, SettingError
from csft.files import hash_value, whole_folder


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
        folder = cache / "tokens" / hash_value([key, tokenizer_hash, form.blocks, FORMAT, _code()])[:32]
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


def _reopen(folder: Path) -> TokenStore | None:
    """The store, if it is there whole; a damaged one is put away and said so."""
    if not folder.is_dir():
        return None
    try:
        return open_store(folder)
    except DataError as error:
        put_away(folder, str(error))
        return None


def _write_tokens(folder: Path, source: Screened, name: str, tokenizer: Any, template: str) -> None:
    about = {"dataset": name, "read": source.read, "kept": source.kept, "rejects": dict(source.rejects)}
    records = progress(source.records(), f"tokenise {name}", "record", source.kept)
    with whole_folder(folder) as temporary:
        write_store(temporary, records, tokenizer, find(template), about)


def _code() -> str:
    here = Path(__file__).parent
    return code_hash([here / "store.py", here / "template.py"])
