"""What a person sees: one line per decision, a bar per long step, tables."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def say(line: str) -> None:
    """Print one line at once, also when the output goes to a log file."""
    print(line, flush=True)


def progress(items: Iterable[Item], what: str, unit: str, total: int | None = None) -> Iterator[Item]:
    """Draw a bar with the time left while `items` are worked through; in a log file, a line every 10 s.

    What is done within a second draws no bar.
    """
    from tqdm import tqdm

    quiet = not sys.stderr.isatty()
    bar = tqdm(
        items,
        desc=what,
        unit=f" {unit}",
        total=total,
        delay=1,
        mininterval=10 if quiet else 0.1,
        dynamic_ncols=True,
    )
    return iter(bar)
