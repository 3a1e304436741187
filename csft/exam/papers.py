"""Questions as token ids: worded, framed, tokenised once and kept."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from csft.cmb import Question
from csft.console import say
from csft.exam.asking import Asking
from csft.exam.formats import Conversation, Wrap
from csft.exam.prompts import answer_text, question_text
from csft.exam.shots import Examples
from csft.files import hash_value, whole_file

Ids = NDArray[np.int32]


def conversations(
    questions: Sequence[Question], asking: Asking, pool: Sequence[Question]
) -> list[Conversation]:
    """What is said before each answer: examples drawn from `pool`, then the question."""
    examples = Examples(pool)
    quirks, reasoned = asking.written, asking.reasoned

    def text(question: Question) -> str:
        return question_text(question, asking.prompt, quirks, reasoned)

    return [
        (
            [
                (text(one), answer_text(one, reasoned))
                for one in examples.before(question, asking.shots, reasoned)
            ],
            text(question),
        )
        for question in questions
    ]


def tokenised(said: Sequence[Conversation], wrap: Wrap, keep: Path | None = None, key: str = "") -> list[Ids]:
    """The ids of each conversation; with `keep` a folder, read from there if the same were tokenised before.

    `key` stands for the tokenizer and the wrapper. A kept file that is damaged is made anew.
    """
    if keep is None:
        return [np.asarray(ids, np.int32) for ids in wrap(said)]
    path = keep / f"{hash_value([key, said])[:32]}.safetensors"
    if (kept := _read(path, len(said))) is None:
        kept = [np.asarray(ids, np.int32) for ids in wrap(said)]
        _write(path, kept)
    return kept


def _read(path: Path, count: int) -> list[Ids] | None:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        stored = load_file(path)
        ids, ends = stored["ids"], stored["ends"]
        if (
            len(ends) == count
            and (count == 0 or ends[-1] == len(ids))
            and (np.diff(ends, prepend=0) > 0).all()
        ):
            return np.split(ids, ends[:-1]) if count else []
    except FileNotFoundError:
        return None
    except (SafetensorError, OSError, KeyError):
        pass
    say(f"The tokenised questions kept in {path} are damaged. They are made anew.")
    return None


def _write(path: Path, prompts: Sequence[Ids]) -> None:
    from safetensors.numpy import save_file

    ids = np.concatenate(prompts) if prompts else np.empty(0, np.int32)
    with whole_file(path) as temporary:
        save_file({"ids": ids, "ends": np.cumsum([len(one) for one in prompts], dtype=np.int64)}, temporary)
