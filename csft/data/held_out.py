"""Dialogues that no trial trains on: what fine-tuning costs in conversation is measured on them.

They are chosen by a hash of what they say, read from the raw files before anything is screened: every trial
on the same files has the same ones, whatever its mix, seed, cut-off or screening, and in whatever order the
files have them. `csft.data.doubles` keeps them, and what is like them, out of every draw.

    dialogues/<key>.json    those of one dataset, whole, and how many it has in all
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from csft.console import progress, say
from csft.data import sources
from csft.data.alpaca import Alpaca
from csft.data.cache import code_hash
from csft.data.catalog import DATASETS
from csft.data.screen.conversations import Conversation, conversations
from csft.data.template import Turn
from csft.errors import DataError
from csft.files import hash_files, hash_value, write_json
from csft.rejects import Rejects

SEED = 4711  # fixed: all trials are measured on the same dialogues
SHARE = 10  # one dialogue in so many at most
_WAITING = 4096  # dialogues looked at before all but the best of them are forgotten


@dataclass(frozen=True)
class Dialogue:
    """A whole dialogue; record number k of it ends with turn `lengths[k] - 1`, which is answered."""

    dataset: str
    turns: tuple[Turn, ...]
    lengths: tuple[int, ...]
    system: str = ""

    @property
    def rank(self) -> str:
        """What is chosen by: the least come first."""
        return _rank(self.turns, self.system)

    @property
    def records(self) -> list[Alpaca]:
        """Its records as the dataset has them, the last one with all turns."""
        return [self.until(length) for length in self.lengths]

    def until(self, length: int) -> Alpaca:
        """The dialogue up to a turn."""
        *history, (question, answer) = self.turns[:length]
        return Alpaca(question, "", answer, tuple(history), self.system)


@dataclass(frozen=True)
class HeldOut:
    """The dialogues of all datasets, in the catalogue's order and each dataset's by rank."""

    dialogues: tuple[Dialogue, ...] = ()

    @cached_property
    def hash(self) -> str:
        """Of what is said in which dataset."""
        return hash_value([asdict(one) for one in self.dialogues])

    def of(self, dataset: str) -> list[Dialogue]:
        """A dataset's."""
        return [one for one in self.dialogues if one.dataset == dataset]

    @property
    def datasets(self) -> list[str]:
        """Those that have some."""
        return list(dict.fromkeys(one.dataset for one in self.dialogues))


def hold_out(root: Path, cache: Path, limit: int) -> HeldOut:
    """Up to `limit` dialogues of each dataset of dialogues that is there; a smaller limit takes the first.

    Says in a line how many. DataError where a file that is there turns out damaged.
    """
    if not limit:
        say("chat: nothing is held out (chat.dialogues=0), so conversation is not measured")
        return HeldOut()
    names = [name for name, entry in DATASETS.items() if entry.style == "dialogue"]
    taken: list[Dialogue] = []
    told, missing = [], []
    for name in names:
        try:
            files = sources.raw_files(name, root)
        except DataError:
            missing.append(name)
            continue
        chosen, read = _of(name, files, root, cache, limit)
        taken += chosen
        told.append(f"{len(chosen)} of {read:,} {name}")
    absent = [f"no {name} in {root}" for name in missing]
    if taken:
        say(f"chat: dialogues held out of training: {', '.join([*told, *absent])}")
    else:
        say(f"chat: no dialogues to hold out, so conversation is not measured: {', '.join([*told, *absent])}")
    return HeldOut(tuple(taken))


def _of(name: str, files: list[Path], root: Path, cache: Path, limit: int) -> tuple[list[Dialogue], int]:
    """A dataset's dialogues and how many it has: its files are read once and the choice is kept."""
    key = hash_value([name, hash_files(files, root), limit, SEED, SHARE, _code()])[:32]
    kept = cache / "dialogues" / f"{key}.json"
    if stored := _read_kept(kept):
        return stored
    records = progress(sources.read(name, root, Rejects()), f"dialogues of {name}", "record")
    try:
        chosen, read = choose(conversations(records, Rejects()), name, limit)
    except DataError as error:
        raise DataError(f"{error} chat.dialogues=0 does without held-out dialogues.") from error
    sealed = {"hash": HeldOut(tuple(chosen)).hash, "read": read}
    write_json(kept, {**sealed, "dialogues": [asdict(one) for one in chosen]})
    return chosen, read


def choose(talks: Iterable[Conversation], name: str, limit: int) -> tuple[list[Dialogue], int]:
    """The dialogues of least rank, `limit` of them and a tenth of all at most, and how many there are."""
    best: dict[str, Conversation] = {}
    read = 0
    for talk in talks:
        best[_rank(talk.turns, talk.records[0].system)] = talk
        read += 1
        if len(best) >= limit + _WAITING:
            best = dict(sorted(best.items())[:limit])
    first = sorted(best.items())[: min(limit, read // SHARE)]
    return [
        Dialogue(name, tuple(talk.turns), tuple(talk.lengths), talk.records[0].system) for _, talk in first
    ], read


def _rank(turns: Iterable[Turn], system: str) -> str:
    return hash_value([SEED, system, [list(turn) for turn in turns]])


def _read_kept(path: Path) -> tuple[list[Dialogue], int] | None:
    """What was chosen before; None where there is nothing or the file was changed."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        chosen = [_dialogue(**row) for row in stored["dialogues"]]
        if HeldOut(tuple(chosen)).hash == stored["hash"]:
            return chosen, int(stored["read"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        pass
    say(f"The held-out dialogues kept in {path} are damaged. They are chosen again.")
    return None


def _dialogue(dataset: str, turns: list[list[str]], lengths: list[int], system: str) -> Dialogue:
    said: Any = tuple(tuple(turn) for turn in turns)
    return Dialogue(dataset, said, tuple(lengths), system)


@lru_cache
def _code() -> str:
    here = Path(__file__).parent
    own = [here / f"{name}.py" for name in ("held_out", "alpaca", "template", "screen/conversations")]
    return code_hash([*own, *here.glob("sources/*.py"), *here.parent.glob("raw/*.py")])
