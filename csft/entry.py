"""What Hydra runs with a composed configuration: one trial, or a worker of a study."""

import sys
from typing import Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from csft import compose, ranks
from csft.errors import CsftError, StoppedError
from csft.lasting import lasting

STUDY = "hydra_plugins.csft_study."  # how the class of the study's sweeper begins


def job(composed: DictConfig) -> object:
    """Run what the configuration says; gives a trial's objective or why a worker ended."""
    hydra_config = HydraConfig.get()
    words = list(hydra_config.overrides.task)
    several = hydra_config.mode == RunMode.MULTIRUN
    try:
        if several and str(hydra_config.sweeper._target_).startswith(STUDY):
            return _work(composed, words)
        config = compose.typed(composed, words)  # before anything heavy is loaded
        with lasting():
            from csft import trial

        return trial.run(config).objective
    except CsftError as error:
        if several:
            raise  # the launcher reports it
        stop(error)


def stop(error: CsftError) -> NoReturn:
    """Print the error and end the process with its status, in every process of a trial."""
    asked = isinstance(error, StoppedError)  # all processes were
    if not ranks.leads():
        ranks.give_way(briefly=asked)
    if ranks.leads() or not asked:
        print(f"csft: {error}", file=sys.stderr)
    sys.exit(error.status)


def _work(composed: DictConfig, words: list[str]) -> str:
    from csft.console import before_torch

    before_torch()  # in a process that a launcher started
    with lasting():
        from csft import trial
        from csft.study.worker import work

    settings: Any = OmegaConf.to_object(composed.study)
    return work(settings, str(composed.output), words, trial.steps)
