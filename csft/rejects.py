"""What a reader met and left out: counted by reason, with the first places where a person can look."""

from collections import Counter
from dataclasses import dataclass, field

EXAMPLES_KEPT = 5


@dataclass
class Rejects:
    """What a reader left out: `counts[reason]` records, of which `examples[reason]` names the first few.

    `notes` counts what was left out of records that were kept, a blank option for instance; its places are
    among the examples too. `topics` counts the questions, dialogues or raw rows that were met, as the
    paper's Table 1 counts them.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)
    topics: int = 0

    def add(self, reason: str, where: str) -> None:
        """Count one record; `where` says file and line, row or key."""
        self.counts[reason] += 1
        self._show(reason, where)

    def note(self, what: str, where: str) -> None:
        """Count something left out of a record that is kept."""
        self.notes[what] += 1
        self._show(what, where)

    @property
    def total(self) -> int:
        """Records set aside, all reasons together."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        """`12 set aside: 10 no answer, 2 not JSON`, or `none set aside`; then what the kept ones lost."""
        said = f"{self.total} set aside: {_listed(self.counts)}" if self.total else "none set aside"
        return f"{said}; of kept records: {_listed(self.notes)}" if self.notes else said

    def _show(self, reason: str, where: str) -> None:
        kept = self.examples.setdefault(reason, [])
        if len(kept) < EXAMPLES_KEPT:
            kept.append(where)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{n} {why}" for why, n in counts.most_common())
