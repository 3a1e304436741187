"""`python -m csft.sample write DIR`: the sample's raw files, for a look or as a template for real data."""

import argparse
from pathlib import Path

from csft.console import say
from csft.sample import write


def main() -> None:
    """Parse the command line and write."""
    parser = argparse.ArgumentParser(prog="python -m csft.sample", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write", help="write the raw files of all thirteen datasets")
    writing.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    write(folder)
    say(f"Wrote {sum(1 for path in folder.rglob('*') if path.is_file())} files to {folder}")


if __name__ == "__main__":
    main()
