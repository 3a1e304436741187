"""`python -m csft.data convert|screen|table1|lengths|fetch root=...`: the datasets without a trial."""

import argparse
import sys
from collections.abc import Callable, Sequence

from csft.data import commands
from csft.data.commands import Settings
from csft.errors import CsftError
from csft.words import read_words

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
    parser = argparse.ArgumentParser(
        prog="python -m csft.data",
        description="\n".join(f"{name:8} {(run.__doc__ or '')}" for name, run in COMMANDS.items()),
        epilog=SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("settings", nargs="*", metavar="name=value")
    given = parser.parse_args(arguments)
    try:
        COMMANDS[given.command](read_words(Settings, given.settings))
    except CsftError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
