"""Records that another dataset has already: the same question in two collections is drawn from one of them.

Datasets keep their own screened records and token stores whole, so that neither depends on what else is in
a mix; what must not be drawn beside the others is listed here, once per set of datasets. The first dataset
in the catalogue's order keeps a record; the rules are those inside a dataset (`csft.data.screen.alike`).

    doubles/<key>/<dataset>.npy     rows of its records.parquet that are left out, sorted
                  <dataset>.jsonl   the same for a person: record, reason, text, matches, similarity
                  meta.json         counts, and the checksum of every file
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from csft.data.cache import built, code_hash
from csft.data.catalog import DATASETS
from csft.data.left_out import LeftOut
from csft.data.screen import ScreenRules
from csft.data.screen.compare import compare
from csft.data.screen.keeping import excerpts
from csft.data.screened import Screened
from csft.data.sealed import read_sealed, seal
from csft.files import hash_value


@dataclass(frozen=True)
class Doubles:
    """What a dataset must not be drawn from: `rows` of its kept records, and `counts` by reason."""

    rows: NDArray[np.int64]
    counts: Mapping[str, int]
    listing: Path | None

    def pool(self, kept: int) -> NDArray[np.int64]:
        """The record numbers that may be drawn, of `kept` records in all."""
        return np.setdiff1d(np.arange(kept, dtype=np.int64), self.rows, assume_unique=True)


def across(
    keys: Mapping[str, str],
    find: Callable[[str], Screened],
    cache: Path,
    rules: ScreenRules | None = None,
) -> dict[str, Doubles]:
    """Compare the datasets of a trial, or find what is known of them in the cache.

    `keys` has each dataset's `screened_key`; `find` gives its screened records and is only called when the
    comparison has yet to be made. `rules` are those the datasets were screened by.
    """
    rules = rules or ScreenRules()
    names = sorted(keys, key=list(DATASETS).index)
    if len(names) < 2:
        return {name: Doubles(np.empty(0, np.int64), {}, None) for name in names}
    identity = [[name, keys[name]] for name in names]
    folder = cache / "doubles" / hash_value([identity, asdict(rules), _code()])[:32]
    return built(folder, lambda empty: _write(empty, [find(name) for name in names], names, rules), _read)


def _read(folder: Path) -> dict[str, Doubles]:
    counts: dict[str, dict[str, int]] = read_sealed(folder)["counts"]
    return {
        name: Doubles(np.load(folder / f"{name}.npy"), counts[name], folder / f"{name}.jsonl")
        for name in counts
    }


def _write(folder: Path, screened: Sequence[Screened], names: Sequence[str], rules: ScreenRules) -> None:
    folders = [one.folder for one in screened]
    doubled = compare(folders, rules.near_duplicates)
    texts = [
        _texts(one, np.unique(np.concatenate([own.row, *(d.other_row[d.other == at] for d in doubled)])))
        for at, (one, own) in enumerate(zip(folders, doubled, strict=True))
    ]
    numbers = [np.fromfile(one / "numbers.bin", "<i8") for one in folders]
    counts = {}
    for at, (name, own) in enumerate(zip(names, doubled, strict=True)):
        np.save(folder / f"{name}.npy", own.row)
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            left_out = LeftOut(file)
            for row, near, other, other_row, share in zip(*(part.tolist() for part in own), strict=True):
                reason = f"{'near duplicate' if near else 'duplicate'} of {names[other]}"
                matches = f"{names[other]} record {numbers[other][other_row]}: {texts[other][other_row]}"
                left_out.leave_out(int(numbers[at][row]), reason, texts[at][row], matches, share)
        counts[name] = dict(left_out.counts)
    seal(folder, {"counts": counts})


def _texts(folder: Path, rows: NDArray[np.int64]) -> dict[int, str]:
    """How some records begin."""
    import pyarrow.parquet as pq

    found: dict[int, str] = {}
    at = 0
    with pq.ParquetFile(folder / "records.parquet") as file:
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            here = rows[np.searchsorted(rows, at) : np.searchsorted(rows, at + size)]
            if len(here):
                table = file.read_row_group(group, ["instruction", "input"])
                found |= zip(here.tolist(), excerpts(table, here - at), strict=True)
            at += size
    return found


def _code() -> str:
    here = Path(__file__).parent
    return code_hash([here / "doubles.py", here / "left_out.py", *here.glob("screen/*.py")])
