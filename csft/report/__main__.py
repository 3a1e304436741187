"""`python -m csft.report study=NAME`: what a study found, as HTML, figures, tables and a W&B report."""

import argparse
import dataclasses
import sys
from collections.abc import Sequence

from csft.errors import SettingError
from csft.report import command, watching
from csft.report.command import Settings
from csft.words import read_words, status

SETTINGS = """settings, as name=value:
  study=NAME           which one (needed where the storage holds several)
  storage=URL          the study's database (default: sqlite:///<output>/studies.db)
  output=FOLDER        what the trials were written under (default: outputs)
  out=FOLDER           where the report goes (default: <output>/<study>/report)
  stills=no            no PNG and SVG files (they need Chromium or Chrome)
  tracker=NAME         auto (default): a report at W&B where a key is set; wandb; none
  project=NAME  entity=NAME   at W&B
  every=N              --watch: seconds between two looks (default: 30)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 when csft stops by design, with the message alone."""
    parser = argparse.ArgumentParser(
        prog="python -m csft.report",
        description="Write what a study found: HTML, figures, tables, and a report at W&B.",
        epilog=SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("settings", nargs="*", metavar="name=value")
    parser.add_argument(
        "--compare", nargs="+", metavar="NAME",
        help="set these beside each other: run folders or trials (STUDY/NUMBER), or whole studies",
    )  # fmt: skip
    parser.add_argument("--watch", action="store_true", help="write the report anew while the study runs")
    given = parser.parse_args(arguments)
    return status(lambda: _run(given))


def _run(given: argparse.Namespace) -> None:
    # --compare takes all that follows it, the settings too.
    known = tuple(f"{field.name}=" for field in dataclasses.fields(Settings))
    names = [word for word in given.compare or () if not word.startswith(known)]
    settings = read_words(Settings, [*given.settings, *(set(given.compare or ()) - set(names))])
    if not names:
        return watching.watch(settings) if given.watch else command.report(settings)
    if given.watch:
        raise SettingError("--watch", "--compare", "one of the two")
    if len(names) < 2:
        raise SettingError("--compare", names[0], "at least two names")
    return command.compare(names, settings)


if __name__ == "__main__":
    sys.exit(main())
