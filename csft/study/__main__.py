"""`python -m csft.study list|show|best|export|dashboard …`: studies, from the terminal."""

import sys
from collections.abc import Callable, Sequence

from csft.study import showing
from csft.study.showing import Settings
from csft.words import named, read_words, status

SETTINGS = """settings, as name=value:
  study=NAME           which one (needed where the storage holds several)
  storage=URL          the study's database (default: sqlite:///<output>/studies.db)
  output=FOLDER        what the trials were written under (default: outputs)
  trial=N              export: this trial instead of the winner
  format=NAME          export: line (default), or yaml: every setting of the run
  port=N               dashboard: default 8080
"""

COMMANDS: dict[str, Callable[[Settings], None]] = {
    "list": showing.list_,
    "show": showing.show,
    "best": showing.best,
    "export": showing.export,
    "dashboard": showing.dashboard,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 1 when csft stops by design, with the message alone."""
    run, words = named("python -m csft.study", COMMANDS, SETTINGS, arguments)
    return status(lambda: run(read_words(Settings, words)))


if __name__ == "__main__":
    sys.exit(main())
