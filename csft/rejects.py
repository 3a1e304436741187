"""Records set aside: counted by reason, with the first places where a person can look."""

from collections import Counter
from dataclasses import dataclass, field

EXAMPLES_KEPT = 5


@dataclass
class Rejects:
    """What a reader left out: `counts[reason]` records, of which `examples[reason]` names the first few."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, where: str) -> None:
        """Count one record; `where` says file and line, row or key."""
        self.counts[reason] += 1
        kept = self.examples.setdefault(reason, [])
        if len(kept) < EXAMPLES_KEPT:
            kept.append(where)

    @property
    def total(self) -> int:
        """Records set aside, all reasons together."""
        return sum(self.counts.values())

    def __str__(self) -> str:
        """`12 set aside: 10 no answer, 2 not JSON`, or `none set aside`."""
        if not self.total:
            return "none set aside"
        return f"{self.total} set aside: " + ", ".join(f"{n} {why}" for why, n in self.counts.most_common())
