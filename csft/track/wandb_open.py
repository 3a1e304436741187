"""What a trial's W&B run is called and filed under, and how one is opened."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csft.track.runfolder import RunFolder
from csft.track.values import clean, flatten, plain

FLUSH_S = 0.5  # at W&B's own 15 s, a kill loses what was logged since
RUN_ID_LENGTH = 16  # hexadecimal digits of the identity


@dataclass(frozen=True)
class Trial:
    """What a run is called and filed under; `config` is flat and free of secrets."""

    folder: RunFolder
    config: dict[str, Any]
    study: str
    name: str
    run_id: str
    tags: list[str]
    project: str
    entity: str | None

    @property
    def segments(self) -> Path:
        """The folder that holds W&B's files of this trial."""
        return self.folder.path / "wandb"


def shown_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings under dotted names, as runs are filtered by."""
    flat: dict[str, Any] = clean(flatten(plain(config)))
    return flat


def open_run(trial: Trial, place: Path, mode: str, patience_s: float, **settings: Any) -> Any:
    """Open the run of a trial, its files below `place/wandb`; `settings` are more of W&B's."""
    import wandb

    return wandb.init(
        dir=place,
        id=trial.run_id,
        project=trial.project,
        entity=trial.entity,
        name=trial.name,
        group=trial.study,
        job_type="trial",
        tags=trial.tags,
        config=trial.config,
        resume="allow" if mode == "online" else None,
        reinit="create_new",  # a process may run many trials, and its user another run of their own
        settings=_settings(wandb, mode, patience_s, settings),
    )


def _settings(wandb: Any, mode: str, patience_s: float, more: Mapping[str, Any]) -> Any:
    wanted = {
        "mode": mode,
        "silent": True,
        "console": "off",
        "disable_git": True,  # the manifest has the commit; a remote's address may hold a password
        "disable_code": True,
        "x_disable_meta": clean(sys.argv) != sys.argv,  # it would record the command line as it is
        "init_timeout": patience_s,
        "finish_timeout": patience_s,
        "finish_timeout_raises": True,
        "x_transaction_log_flush_interval": FLUSH_S,
        **more,
    }
    known = wandb.Settings.model_fields  # names that start with x_ come and go between releases
    return wandb.Settings(**{name: value for name, value in wanted.items() if name in known})
