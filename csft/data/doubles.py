"""Records that another dataset has already: the same question in two collections is drawn from one of them.

Datasets keep their own screened records and token stores whole, so that neither depends on what else is in
a mix; what must not be drawn beside the others is listed here, once per set of datasets. The first dataset
in the catalogue's order keeps a record; the rules are those inside a dataset (`csft.data.screen.alike`).
Held-out dialogues come before all datasets: they, and what doubles them, are drawn from none.

    doubles/<key>/<dataset>.npy     rows of its records.parquet that are left out, sorted
                  <dataset>.jsonl   the same for a person: record, reason, text, matches, similarity
                  meta.json         counts, and the checksum of every file
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from csft.data.cache import built, code_hash
from csft.data.catalog import DATASETS
from csft.data.held_out import HeldOut
from csft.data.left_out import LeftOut
from csft.data.screen import ScreenRules
from csft.data.screen.compare import Doubled, compare
from csft.data.screen.keeping import excerpts
from csft.data.screened import Screened
from csft.data.sealed import read_sealed, seal
from csft.data.set_apart import with_what_follows, write_apart
from csft.files import hash_value

_APART = "held-out dialogues"


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
    held_out: HeldOut | None = None,
) -> dict[str, Doubles]:
    """Compare the datasets of a trial, or find what is known of them in the cache.

    `keys` has each dataset's `screened_key`; `find` gives its screened records and is only called when the
    comparison has yet to be made. `rules` are those the datasets were screened by.
    """
    rules, held_out = rules or ScreenRules(), held_out or HeldOut()
    names = sorted(keys, key=list(DATASETS).index)
    if len(names) < 2 and not held_out.dialogues:
        return {name: Doubles(np.empty(0, np.int64), {}, None) for name in names}
    identity = [[name, keys[name]] for name in names]
    folder = cache / "doubles" / hash_value([identity, held_out.hash, asdict(rules), _code()])[:32]

    def build(empty: Path) -> None:
        folders = {name: find(name).folder for name in names}
        if held_out.dialogues:
            _write_beside(empty, held_out, folders, rules)
        else:
            _write(empty, folders, compare(list(folders.values()), rules.near_duplicates))

    return built(folder, build, _read)


def _read(folder: Path) -> dict[str, Doubles]:
    counts: dict[str, dict[str, int]] = read_sealed(folder)["counts"]
    return {
        name: Doubles(np.load(folder / f"{name}.npy"), counts[name], folder / f"{name}.jsonl")
        for name in counts
    }


def _write_beside(folder: Path, held_out: HeldOut, folders: Mapping[str, Path], rules: ScreenRules) -> None:
    """Write what the datasets have of one another and of the held-out dialogues."""
    with TemporaryDirectory(dir=folder.parent, prefix=".apart-") as name:
        apart = Path(name)
        ends = write_apart(apart, held_out.dialogues, rules)
        none, *found = compare([apart, *folders.values()], rules.near_duplicates)
        doubled = [with_what_follows(d, ends, f) for d, f in zip(found, folders.values(), strict=True)]
        _write(folder, {_APART: apart, **folders}, [none, *doubled])


def _write(folder: Path, folders: Mapping[str, Path], doubled: Sequence[Doubled]) -> None:
    texts = [
        _texts(one, np.unique(np.concatenate([own.row, *(d.other_row[d.other == at] for d in doubled)])))
        for at, (one, own) in enumerate(zip(folders.values(), doubled, strict=True))
    ]
    names = list(folders)
    numbers = [np.fromfile(one / "numbers.bin", "<i8") for one in folders.values()]
    counts = {}
    for at, (name, own) in enumerate(zip(names, doubled, strict=True)):
        if name == _APART:
            continue
        np.save(folder / f"{name}.npy", own.row)
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as file:
            left_out = LeftOut(file)
            for row, near, other, other_row, share in zip(*(part.tolist() for part in own), strict=True):
                matches = f"{names[other]} record {numbers[other][other_row]}: {texts[other][other_row]}"
                reason = _reason(names[other], near)
                left_out.leave_out(int(numbers[at][row]), reason, texts[at][row], matches, share)
        counts[name] = dict(left_out.counts)
    seal(folder, {"counts": counts})


def _reason(other: str, near: bool) -> str:
    if other == _APART:
        return "near duplicate of a held-out dialogue" if near else "held-out dialogue"
    return f"{'near duplicate' if near else 'duplicate'} of {other}"


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


@lru_cache
def _code() -> str:
    here = Path(__file__).parent
    own = [here / f"{name}.py" for name in ("doubles", "held_out", "left_out", "set_apart")]
    return code_hash([*own, *here.glob("screen/*.py")])
