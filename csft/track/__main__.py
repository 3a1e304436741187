"""`python -m csft.track sync study=NAME`: the runs of a study to W&B."""

import sys
from collections.abc import Callable, Sequence

from csft.track import syncing
from csft.track.syncing import Settings
from csft.words import named, read_words, status

SETTINGS = """settings, as name=value:
  study=NAME           which one (needed where the output folder holds several)
  output=FOLDER        what the trials were written under (default: outputs)
  project=NAME         where to (default: as each trial was told, tracker.project)
  entity=NAME          whose project (default: as each trial was told, or the key's own)
"""


def sync(settings: Settings) -> None:
    """upload every run of a study, made anew from its run folder; twice gives the same"""
    syncing.sync(settings)


COMMANDS: dict[str, Callable[[Settings], None]] = {"sync": sync}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 1 when csft stops by design, with the message alone."""
    run, words = named("python -m csft.track", COMMANDS, SETTINGS, arguments)
    return status(lambda: run(read_words(Settings, words)))


if __name__ == "__main__":
    sys.exit(main())
