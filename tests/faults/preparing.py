"""Prepares one dataset in a process of its own, which can be told to die or to pause at a moment.

    python preparing.py ROOT CACHE [MOMENT [die|pause]]

The last line printed is JSON: the store's hash, how many records it holds, and how often one was written.
"""

import importlib
import json
import os
import signal
import string
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from csft import data
from csft.data import writing
from csft.data.screen import keeping
from csft.errors import CsftError

MOMENTS = {
    "raw records are about to be screened": ("csft.data.screened", "sift", "before"),
    "records are screened": ("csft.data.screened", "seal", "before"),
    "screened records are in place": ("csft.data.preparation", "write_store", "before"),
    "the first part is written": ("csft.data.writing", "_Writer.add", "after"),
    "all arrays are written": ("csft.data.writing", "write_json", "before"),
    "the store is about to be renamed": ("csft.files", "Path.rename", "before"),
    "the store is in place": ("csft.data.preparation", "open_store", "before"),
}


class Letters:
    """A tokenizer of one token per character, without the seconds that transformers takes to import."""

    bos_token_id, eos_token_id = 1, 2

    def __init__(self) -> None:
        special = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
        known = [*special, *string.printable, *map(chr, range(0x4E00, 0x5000))]
        vocabulary = {token: number for number, token in enumerate(known)}
        self.backend_tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
        self.backend_tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
        self.backend_tokenizer.add_special_tokens(special)

    def get_vocab(self) -> dict[str, int]:
        return self.backend_tokenizer.get_vocab()

    def decode(self, ids: list[int]) -> str:
        return self.backend_tokenizer.decode(ids, skip_special_tokens=False)


def interrupt(module: str, name: str, when: str, act: Callable[[], None]) -> None:
    """Have the process die or pause before or after a function's first call on a token store."""
    holder: Any = importlib.import_module(module)
    *path, name = name.split(".")
    for part in path:
        holder = getattr(holder, part)
    original = getattr(holder, name)

    def interrupted(*given: Any, **named: Any) -> Any:
        if name == "rename" and given[1].parent.name != "tokens":
            return original(*given, **named)
        if when == "before":
            act()
        result = original(*given, **named)
        act()
        return result

    setattr(holder, name, interrupted)


def count_writes() -> list[None]:
    """A list that grows with each store that is written."""
    written: list[None] = []
    original = data.preparation.write_store

    def counted(*given: Any, **named: Any) -> None:
        written.append(None)
        original(*given, **named)

    data.preparation.write_store = counted
    return written


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def pause() -> None:
    print("pausing", flush=True)
    time.sleep(60)


def main(root: Path, cache: Path, moment: str = "", how: str = "die") -> None:
    keeping.ROWS, writing.MANY = 200, 400  # several row groups and, with two cores, worker processes
    importlib.import_module("csft.data.preparation")
    written = count_writes()
    if moment:
        interrupt(*MOMENTS[moment], {"die": die, "pause": pause}[how])
    try:
        (one,) = data.prepare(
            ["webmedqa"], root, Letters(), "letters", "intern2", exam_questions={}, cache=cache
        ).values()
    except CsftError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print(json.dumps({"hash": one.hash, "records": len(one.store), "written": len(written)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
