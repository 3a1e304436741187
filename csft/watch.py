"""What a trial tells whoever looks on while it runs: a study that prunes, a table, a test."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from csft.clock import Clock

if TYPE_CHECKING:
    from csft.cmb import Question
    from csft.exam import Prediction, Scores
    from csft.stages import Tail


class Watch:
    """Looks on and does nothing. Whatever a method raises ends the trial, which then counts as failed.

    Nothing here decides a result: a trial with exams during training ends as one without, bit for bit, and
    its identity does not depend on who watches.
    """

    every: float | None = None
    """Epochs between exams on `select` during training, which needs one process; None: no such exams."""

    clock: Clock = Clock()
    """What the trial's stages are timed by; one of its own where trials share a process."""

    siblings: "Sequence[Tail]" = ()
    """How the trials end that differ from this one in nothing else: stages are kept for them."""

    rounds: int = 1
    """Rounds of an exam on `select`: with several, the answers known so far are a fair part of it."""

    def began(self, folder: Path, updates: int) -> None:
        """The trial's folder and the updates of its training; of a reused trial those it has done."""

    def stage(self, name: str) -> None:
        """What is done from here on: load, data, base exam, training, exam on the way, exam, chat …."""

    def updated(self, done: int, of: int, epoch: float) -> None:
        """An update is done and logged; `epoch` counts the epochs passed, in fractions."""

    def asked(self, rung: int | None, questions: int) -> None:
        """An exam of so many questions on `select` begins: the `rung`-th during training, None: the last."""

    def answered(
        self, rung: int | None, questions: "Sequence[Question]", answers: "Sequence[Prediction]"
    ) -> None:
        """A batch of answers on `select` in the `rung`-th exam during training, or None: in the last one."""

    def scored(self, rung: int, epoch: float, scores: "Scores") -> None:
        """The exam that is due after `rung` times `every` epochs was taken, at `epoch`.

        A trial that goes on, or is reused, tells those it took before as well. Where updates are so large
        that several exams fall on one, it is the last of them that is taken.
        """
