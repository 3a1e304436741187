"""Real studies on the sample for tests: trials of a few seconds, and what is left of them in the database."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
import psutil
from optuna.trial import FrozenTrial, TrialState

from csft.errors import CsftError
from csft.study import ledger
from csft.study.attributes import PROGRESS, WORKER
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


def at_work(output: Path, name: str, updates: int = 0) -> list[FrozenTrial]:
    """Trials that living workers have trained for so many updates; none while there is no study yet."""
    if not (output / "studies.db").exists():
        return []
    try:
        running = load(output, name).get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    except (KeyError, CsftError):
        return []
    trained = [one for one in running if one.user_attrs.get(PROGRESS, {}).get("updates", 0) >= updates]
    return [one for one in trained if psutil.pid_exists(one.user_attrs.get(WORKER, {}).get("pid", -1))]


def check_once(study: optuna.Study, total: int) -> Ledger:
    """The study has its total of finished trials, each setting once, and nothing is left."""
    known = counts(study)
    assert len(known.complete) == known.started == total
    assert not known.running and not known.waiting and not known.failed and not known.lost
    assert len(values(study)) == total
    taken_up = [history[-1] for one in study.trials if (history := one.system_attrs.get(ledger.HISTORY))]
    assert len(taken_up) == len(set(taken_up)) == len(study.trials) - total
    return known
