"""Real studies on the sample for tests: trials of a few seconds, and what is left of them in the database."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna

from csft.study import ledger
from csft.study.ledger import Ledger
from csft.study.storage import open_storage

QUICK = (
    "+mix=ner",
    "mix.max_records=32",
    "epochs=1",
    "train.batch=16",
    "chat.dialogues=0",
    "exam.test=false",
    "exam.per_sub_exam=1",
    "train.save=false",
    "tracker=none",
    "site.threads=1",
)


def load(output: Path, name: str, url: str | None = None) -> optuna.Study:
    """The study as it stands in its database."""
    storage = open_storage(url or f"sqlite:///{output / 'studies.db'}")
    return optuna.load_study(study_name=name, storage=storage)


def counts(study: optuna.Study) -> Ledger:
    """How many of its trials are what."""
    return ledger.read(study.get_trials(deepcopy=False), retries=100)


def values(study: optuna.Study) -> dict[tuple[Any, ...], float | None]:
    """What each setting scored."""
    return {key(one.params): one.value for one in counts(study).complete}


def key(params: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(sorted(params.items()))
