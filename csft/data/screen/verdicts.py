"""Who stays and who goes, once every record has been examined.

The first reason counts: an exact duplicate of an earlier record, an exam question given away (to the letter,
then by its words), a near duplicate of an earlier record that stays.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from csft.data.screen.alike import Alike
from csft.data.screen.grams import Hashes
from csft.data.screen.lookup import Rows, spans
from csft.data.screen.near import keep_first
from csft.data.screen.sketches import Sketches

KEPT, EXACT, EXAM, NEAR_EXAM, NEAR = range(5)

Shares = NDArray[np.float32]


@dataclass(frozen=True)
class Verdicts:
    """Per record, in the order of reading: `reason` (KEPT, EXACT, …), what it matches, and how closely.

    `match` is a row of the exam questions for EXAM and NEAR_EXAM, of the records for EXACT and NEAR.
    """

    reason: NDArray[np.uint8]
    match: Rows
    share: Shares

    @property
    def before(self) -> Rows:
        """How many of the records before each place are kept; one place more than there are records."""
        return np.concatenate([[0], np.cumsum(self.reason == KEPT)])


def first_verdicts(mark: Hashes, exam: Rows, exact: NDArray[np.bool_], share: Shares) -> Verdicts:
    """What can be said before near duplicates are looked for, from what `Examined` has per record."""
    reason = np.where(exam < 0, KEPT, np.where(exact, EXAM, NEAR_EXAM)).astype(np.uint8)
    first = first_with(mark)
    again = first < np.arange(len(first))
    reason[again] = EXACT
    return Verdicts(reason, np.where(again, first, exam), np.where(again, 1, share).astype(np.float32))


def leave_near_out(verdicts: Verdicts, sketches: Sketches, threshold: float) -> None:
    """Change the verdicts of kept records whose conversation is a near duplicate of an earlier one."""
    first, count = sketches.rows[:, 0], sketches.rows[:, 1]
    before = verdicts.before
    active = np.flatnonzero(before[first + count] > before[first])
    alike = Alike([sketches], threshold)
    match, share = keep_first(
        (sketches.band(band)[active] for band in range(sketches.bands)),
        lambda one, other: alike(int(active[one]), int(active[other])),
    )
    out = np.flatnonzero(match >= 0)
    talk, twin = active[out], active[match[out]]
    row = spans(first[talk], count[talk])
    now = verdicts.reason[row] == KEPT
    row = row[now]
    verdicts.reason[row] = NEAR
    verdicts.match[row] = np.repeat(first[twin] + count[twin] - 1, count[talk])[now]
    verdicts.share[row] = np.repeat(share[out], count[talk])[now]


def first_with(mark: Hashes) -> Rows:
    """Per row of `mark` (two 64-bit halves) the first row that is the same."""
    order = np.lexsort((mark[:, 1], mark[:, 0]))
    new = np.ones(len(order), np.bool_)
    new[1:] = (mark[order[1:]] != mark[order[:-1]]).any(1)
    first = np.empty(len(order), np.int64)
    first[order] = order[new][np.cumsum(new) - 1]
    return first
