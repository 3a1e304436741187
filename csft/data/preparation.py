"""Raw files to a token store, each step kept in the cache and found again by its content.

    raw files --read--> Alpaca --screen--> screened/<key>/records.parquet + rejects.json --> tokens/<key>/

A key covers what decides the content: the raw files, the code that reads and screens them, the exam
questions, and for tokens the tokenizer and the template's marker text. Several processes may start at once:
each folder is built by one of them (`csft.data.cache`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache as once
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csft.cmb import Question
from csft.data.cache import built, code_hash, room_for
from csft.data.held_out import HeldOut
from csft.data.screen import ScreenRules
from csft.data.screened import Screened
from csft.data.screening import Screening
from csft.data.store import FORMAT, TokenStore, open_store
from csft.data.template import TEMPLATES, Frame, bind, find
from csft.data.tokenising import Tokeniser
from csft.data.writing import needed, write_store
from csft.errors import SettingError
from csft.files import hash_value


@dataclass(frozen=True)
class Prepared:
    """One dataset, ready to be drawn from. `read` records came in, `kept` stayed, `rejects` says why not.

    `pool` are the kept records that no other dataset has and no held-out dialogue (int64, sorted); `doubles`
    counts the others.
    """

    dataset: str
    store: TokenStore
    frames: Mapping[str, Frame]
    read: int
    kept: int
    rejects: Mapping[str, int]
    pool: NDArray[np.int64]
    doubles: Mapping[str, int] = field(default_factory=dict)

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
    rules: ScreenRules | None = None,
    held_out: HeldOut | None = None,
) -> dict[str, Prepared]:
    """Bring each dataset to a token store, from the cache where it is there already.

    `tokenizer_hash` must change with anything that changes the tokenizer's ids. Records that overlap a
    question of `exam_questions` (by split), are like another record or `held_out` are left out as `rules`
    say, and counted. DataError names all missing datasets.
    """
    form = find(template)
    frames = {n: bind(n, tokenizer) for n, t in TEMPLATES.items() if t.blocks == form.blocks}
    raw = Path(root).expanduser()
    screening = Screening(datasets, raw, cache, exam_questions, rules or ScreenRules(), held_out=held_out)
    tokeniser = once(lambda: Tokeniser(tokenizer, form))
    stores = {}
    for name, key in screening.keys.items():
        folder = cache / "tokens" / hash_value([key, tokenizer_hash, form.blocks, FORMAT, _code()])[:32]
        write = partial(_write_tokens, name, partial(screening.screened, name), tokeniser)
        stores[name] = built(folder, write, open_store)
    return {name: _prepared(name, store, frames, screening) for name, store in stores.items()}


def _prepared(name: str, store: TokenStore, frames: Mapping[str, Frame], screening: Screening) -> Prepared:
    about, doubles = store.meta, screening.doubles[name]
    return Prepared(
        name,
        store,
        frames,
        about["read"],
        about["kept"],
        about["rejects"],
        doubles.pool(about["kept"]),
        doubles.counts,
    )


def _write_tokens(
    name: str, source: Callable[[], Screened], tokeniser: Callable[[], Tokeniser], folder: Path
) -> None:
    found = source()
    about = {"dataset": name, "read": found.read, "kept": found.kept, "rejects": dict(found.rejects)}
    records = found.folder / "records.parquet"
    with room_for(folder, needed(records)):
        write_store(folder, records, tokeniser(), about)


@lru_cache
def _code() -> str:
    here = Path(__file__).parent
    deciding = (
        "alpaca",
        "cuts",
        "encoders",
        "marks",
        "segments",
        "store",
        "template",
        "tokenising",
        "writing",
    )
    return code_hash([here / f"{name}.py" for name in deciding])
