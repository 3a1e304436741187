"""A dataset's screened records: raw files read and screened once, kept as Parquet in the cache.

screened/<key>/records.parquet   what may be trained on
               left_out.jsonl    every record that may not, one a line, and why
               rejects.json      the same, counted, with a few examples
               *.bin             what later comparisons with other datasets need (`screen.sketches`)
               meta.json         counts, and the checksum of every file
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from csft.console import progress
from csft.data import sources
from csft.data.cache import built, code_hash, room_for
from csft.data.left_out import LeftOut
from csft.data.screen import ExamIndex, ScreenRules, sift
from csft.data.sealed import read_sealed, seal
from csft.errors import DataError
from csft.files import hash_files, hash_value, write_json

WRITTEN = 3  # bytes on disk, at the most, for each byte of raw text


@dataclass(frozen=True)
class Screened:
    """A dataset's kept records as Parquet, and what was left out."""

    folder: Path
    read: int
    kept: int
    rejects: Mapping[str, int]

    @property
    def left_out(self) -> Path:
        """The list of every record left out, one JSON object a line."""
        return self.folder / "left_out.jsonl"


def screened_key(
    dataset: str, files: Sequence[Path], root: Path, exams: ExamIndex, rules: ScreenRules | None = None
) -> str:
    """What decides a dataset's screened records."""
    settings = asdict(rules or ScreenRules())
    return hash_value([dataset, hash_files(files, root), exams.hash, settings, _code(), _tools()])[:32]


def screened(  # noqa: PLR0917
    dataset: str, root: Path, cache: Path, key: str, exams: ExamIndex, rules: ScreenRules | None = None
) -> Screened:
    """Read and screen a dataset, or find it in the cache under `key`: `screened_key` of the same settings."""
    folder = cache / "screened" / key
    settings = rules or ScreenRules()

    def build(empty: Path) -> None:
        _write(empty, dataset, root, exams, settings)
        if screened_key(dataset, sources.raw_files(dataset, root), root, exams, settings) != key:
            raise DataError(f"{dataset}: its raw files changed while they were read. Run the command again.")

    return built(folder, build, _read)


def _read(folder: Path) -> Screened:
    about = read_sealed(folder)
    return Screened(folder, about["read"], about["kept"], about["rejects"])


def _write(folder: Path, dataset: str, root: Path, exams: ExamIndex, rules: ScreenRules) -> None:
    size = sum(path.stat().st_size for path in sources.raw_files(dataset, root))
    with room_for(folder, WRITTEN * size), (folder / "left_out.jsonl").open("w", encoding="utf-8") as file:
        left_out = LeftOut(file)
        records = progress(sources.read(dataset, root, left_out), f"screen {dataset}", "record")
        kept = sift(records, folder, exams, rules, left_out)
    counts = dict(left_out.counts)
    told = {"counts": counts, "notes": dict(left_out.notes), "examples": left_out.examples}
    write_json(folder / "rejects.json", told)
    seal(folder, {"dataset": dataset, "read": kept + left_out.total, "kept": kept, "rejects": counts})


@lru_cache
def _tools() -> list[str]:
    """Whose next version may see a text otherwise."""
    return [version("rensa"), unicodedata.unidata_version]


@lru_cache
def _code() -> str:
    here = Path(__file__).parent
    own = [
        here / f"{name}.py" for name in ("alpaca", "template", "parquet", "left_out", "sealed", "screened")
    ]
    rooms = [*here.glob("screen/*.py"), *here.glob("sources/*.py"), *here.parent.glob("raw/*.py")]
    return code_hash([*own, *rooms, here.parent / "cmb.py"])
