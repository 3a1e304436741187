"""A report as an order of sections and blocks, before it is drawn."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from csft.report.table import Table

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


@dataclass(frozen=True)
class Text:
    """Paragraphs of plain text."""

    paragraphs: tuple[str, ...]
    kind: str = "text"  # text | answer (the first thing read) | warning
    numbers: tuple[tuple[str, str], ...] = ()  # (63.9 %, what it is): stand large above the paragraphs


@dataclass(frozen=True)
class Points:
    """Short statements, each with a word that says how it stands: `supported`, `undecided`, …; or none."""

    items: tuple[tuple[str, str], ...]  # (standing, sentence)


@dataclass(frozen=True)
class Code:
    """A command line to copy."""

    text: str
    says: str = ""


@dataclass(frozen=True)
class Chart:
    """A plotly figure; `name` is its file's, `says` what a reader who does not see it is told."""

    name: str
    figure: "Figure"
    says: str


@dataclass(frozen=True)
class Folded:
    """A table that says in numbers what a figure shows: it opens when it is asked for."""

    table: Table


Block = Text | Points | Code | Chart | Table | Folded


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; `name` is its anchor."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A whole report; `subtitle` says of what, and when it was made."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
