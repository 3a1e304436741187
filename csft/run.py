"""The command: `python -m csft.run +mix=full cutoff=512`. Composes, then runs one trial or a multirun."""

import os
import sys

import hydra
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from csft import compose, ranks
from csft.console import before_torch
from csft.entry import job, stop
from csft.errors import CsftError


def main() -> None:
    """Run the command line; an error that a user can mend is one message and exit status 1."""
    traceback_wanted = "HYDRA_FULL_ERROR" in os.environ
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then raises, and the error is told here in one form
    before_torch()
    compose.register()
    command = hydra.main(version_base="1.3", config_path=str(compose.folder("conf")), config_name="config")(
        job
    )
    try:
        command()
    except (CsftError, HydraException, OmegaConfBaseException) as error:
        if traceback_wanted:
            raise
        stop(error if isinstance(error, CsftError) else compose.explain(error, sys.argv[1:]))
    except KeyboardInterrupt:
        print("csft: stopped by Ctrl-C; what was finished is kept", file=sys.stderr)
        sys.exit(130)
    except Exception:
        ranks.give_way()
        raise
    ranks.leave()


if __name__ == "__main__":
    main()
