"""The command: `python -m csft.run +mix=full cutoff=512`. Composes, then runs one trial or a multirun."""

import os
import sys
from typing import NoReturn

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from csft import compose, ranks
from csft.console import before_torch
from csft.errors import CsftError, StoppedError


def main() -> None:
    """Run the command line; an error that a user can mend is one message and exit status 1."""
    traceback_wanted = "HYDRA_FULL_ERROR" in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises, and the error is told here in one form
    before_torch()
    compose.register()
    command = hydra.main(version_base="1.3", config_path=str(compose.folder("conf")), config_name="config")(
        _job
    )
    try:
        command()
    except (CsftError, HydraException, OmegaConfBaseException) as error:
        if traceback_wanted:
            raise
        _stop(error if isinstance(error, CsftError) else compose.explain(error, sys.argv[1:]))
    except KeyboardInterrupt:
        print("csft: stopped by Ctrl-C; what was finished is kept", file=sys.stderr)
        sys.exit(130)
    except Exception:
        ranks.give_way()
        raise
    ranks.leave()


def _job(composed: DictConfig) -> float | None:
    hydra_config = HydraConfig.get()
    try:
        config = compose.typed(composed, hydra_config.overrides.task)
        from csft import trial

        return trial.run(config).objective
    except CsftError as error:
        if hydra_config.mode == RunMode.MULTIRUN:
            raise  # the launcher reports it
        _stop(error)


def _stop(error: CsftError) -> NoReturn:
    asked = isinstance(error, StoppedError)  # all processes were
    if not ranks.leads():
        ranks.give_way(briefly=asked)
    if ranks.leads() or not asked:
        print(f"csft: {error}", file=sys.stderr)
    sys.exit(error.status)


if __name__ == "__main__":
    main()
