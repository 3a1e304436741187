"""`python -m csft.data convert|screen|table1|lengths|fetch root=...`: the datasets without a trial."""

import sys
from collections.abc import Callable, Sequence

from csft.data import commands
from csft.data.commands import Settings
from csft.words import named, read_words, status

SETTINGS = """settings, as name=value:
  root=FOLDER          the raw datasets, one folder each (default: sample, the invented world that ships)
  datasets=A,B         some of the thirteen (default: all that are there; fetch: all)
  output=FOLDER        convert: for the Alpaca files (default: outputs/alpaca); lengths: the figure (outputs)
  exam=FILE,FILE       screen, lengths: question files in CMB's layout instead of those in root/cmb
  near_duplicates=N    screen, lengths: how like another a record may be, 0.5 to 1 or null (default: 0.9)
  exam_overlap=N       screen, lengths: how much of an exam question it may hold, likewise (default: 0.7)
  tokenizer=FOLDER     lengths: the tokenizer's folder (needed but for root=sample)
  template=NAME        lengths: intern2 (default) or intern2_2025
  cutoffs=N,N          lengths: cut-offs to compare with (default: 128,256,512,1024,2048)
"""

COMMANDS: dict[str, Callable[[Settings], None]] = {
    "fetch": commands.fetch,
    "convert": commands.convert,
    "screen": commands.screen,
    "table1": commands.table1,
    "lengths": commands.lengths,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 1 when csft stops by design, with the message alone."""
    run, words = named("python -m csft.data", COMMANDS, SETTINGS, arguments)
    return status(lambda: run(read_words(Settings, words)))


if __name__ == "__main__":
    sys.exit(main())
