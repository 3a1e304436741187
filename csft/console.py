"""What a person sees: one line per decision, a bar per long step, tables."""

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from csft.ranks import leads

if TYPE_CHECKING:
    from rich.table import Table

Item = TypeVar("Item")
WIDTH = 110  # columns of a table when the output is no terminal


def before_torch() -> None:
    """Set what a command has to set before torch loads: threads that soon sleep, and no idle warnings."""
    # OpenMP's threads spin while they wait: with another process on one of 2 cores, training took 4 times as
    # long as with threads that soon sleep, which cost 7 % where the cores are free.
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    for package in ("torchao", "torch.utils._pytree"):
        # transformers imports torchao where it is installed, which warns of parts that are not used here.
        logging.getLogger(package).setLevel(logging.ERROR)


def say(line: str) -> None:
    """Print one line at once, also when the output is a log file; of several processes the first does."""
    if leads():
        print(line, flush=True)


def table(title: str, *headings: str) -> "Table":
    """Print a title and give a table without lines: the first column names, the others count."""
    from rich.table import Table

    say(f"\n{title}")
    made = Table(box=None, pad_edge=False, header_style="bold")
    for place, heading in enumerate(headings):
        made.add_column(heading, justify="right" if place else "left")
    return made


def print_table(made: "Table") -> None:
    """Print it, wide enough for a log file where the output is no terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    console.print(made)


def progress(items: Iterable[Item], what: str, unit: str, total: int | None = None) -> Iterator[Item]:
    """Draw a bar with the time left while `items` are worked through; in a log file, a line every 10 s.

    What is done within a second draws no bar.
    """
    return iter(bar(what, unit, total, items))


def bar(what: str, unit: str, total: int | None, items: Iterable[Any] | None = None, done: int = 0) -> Any:
    """Give a tqdm bar in the form all bars of csft have, for work that is no loop over items.

    `done` of `total` were done before and say nothing about the time left.
    """
    from tqdm import tqdm

    return tqdm(
        items,
        desc=what,
        unit=f" {unit}",
        total=total,
        initial=done,
        disable=not leads(),
        delay=1,
        mininterval=0.1 if sys.stderr.isatty() else 10,
        dynamic_ncols=True,
    )
