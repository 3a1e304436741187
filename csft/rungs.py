"""Exams on `select` during training: taken, kept, and told again by a trial that goes on or is reused.

<run folder>/rungs/select-00000012.json   one that was taken after 12 updates: epoch, seconds, scores

The files go when the trial is finished: its result holds them all.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from csft import train
from csft.cmb import Question
from csft.console import say
from csft.exam import Prediction
from csft.examining import OnTheWay, ask, score
from csft.files import write_json
from csft.job import Job
from csft.result import OBJECTIVE_SPLIT, Rung, rung_from
from csft.stopping import stoppable
from csft.watch import Watch

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

STAGE = "exam on the way"
TOTAL = f"cmb/{OBJECTIVE_SPLIT}/total"
Log = Callable[[int, dict[str, float]], None]


class Rungs:
    """Those of one trial, by the updates done."""

    def __init__(self, job: Job) -> None:
        self.job, self.folder = job, job.folder.path / "rungs"
        self.taken: dict[int, Rung] = {}

    def rewind(self, step: int | None) -> None:
        """Find those of earlier attempts up to the checkpoint of update `step`; the others are taken anew."""
        last = step or 0
        for path in sorted(self.folder.glob("*.json")):
            one = _read(path)
            if one is None or one.update > last:
                path.unlink()
            else:
                self.taken[one.update] = one
        for path in self.job.folder.path.glob(f"answers-{OBJECTIVE_SPLIT}-*.jsonl"):
            if int(path.stem.rpartition("-")[2]) > last:
                path.unlink()

    def tell(self, log: Log) -> None:
        """Tell who watches what earlier attempts took."""
        rows = self.job.folder.metrics()
        logged = {row["step"] for row in rows if TOTAL in row}
        for update, one in self.taken.items():
            if update not in logged:  # killed between the two
                log(update, _values(one))
        tell(self.job.watch, rows, self.taken.values(), self.job.updates)

    def visit(
        self,
        net: "PreTrainedModel",
        tokenizer: "PreTrainedTokenizerBase",
        questions: list[Question],
        log: Log,
    ) -> train.Visit:
        """Between two updates of `net` who watches looks on, and the exams that are due are taken."""

        def answers(place: OnTheWay) -> list[Prediction]:
            return ask(self.job, net, tokenizer, OBJECTIVE_SPLIT, questions, place=place)

        def take(number: int, update: int, epoch: float) -> None:
            if update in self.taken:
                return
            started = time.perf_counter()
            # Its answers are kept as they come: a signal need not wait, as it does while weights move.
            with self.job.timed(STAGE), stoppable(lambda: self.job.place):
                scores = score(questions, answers(OnTheWay(number, update)))
            self._keep(Rung(update, epoch, round(time.perf_counter() - started, 3), scores), log)
            self.job.watch.scored(number, epoch, scores)

        return train.Visit(self.job.watch.updated, self.job.watch.every, take)

    def _keep(self, one: Rung, log: Log) -> None:
        write_json(self.folder / f"{OBJECTIVE_SPLIT}-{one.update:08d}.json", asdict(one))
        self.taken[one.update] = one
        log(one.update, _values(one))
        total = one.scores.figures["total"]
        say(
            f"exam after epoch {one.epoch:.3g}, update {one.update} of {self.job.updates}: "
            f"{total.percent:.2f} % on {OBJECTIVE_SPLIT} ({total.low:.0f} to {total.high:.0f})"
        )

    def clear(self) -> None:
        """The trial's result holds them."""
        shutil.rmtree(self.folder, ignore_errors=True)


def tell(watch: Watch, rows: Iterable[Mapping[str, Any]], taken: Iterable[Rung], updates: int) -> None:
    """Tell who watches the exams among `taken` that are due by its own `every`; `rows` are the metrics.

    One that was due before and not taken, because nobody wanted it then, is said and left out.
    """
    if watch.every is None:
        return
    scored = {one.update: one for one in taken}
    passed = {int(row["step"]): float(row["train/epoch"]) for row in rows if "train/epoch" in row}
    for update in sorted(update for update in passed if update < updates):
        number = train.rung(passed.get(update - 1, 0.0), passed[update], watch.every)
        if number and update in scored:
            watch.scored(number, passed[update], scored[update].scores)
        elif number and update < max(passed):
            say(f"no exam was taken after epoch {passed[update]:.3g}: nobody asked for one in that attempt")


def _values(one: Rung) -> dict[str, float]:
    total, prefix = one.scores.figures["total"], f"cmb/{OBJECTIVE_SPLIT}"
    return {
        TOTAL: total.percent,
        f"{prefix}/low": total.low,
        f"{prefix}/high": total.high,
        f"{prefix}/macro": one.scores.macro,
    }


def _read(path: Path) -> Rung | None:
    try:
        return rung_from(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        say(f"{path} cannot be read ({error or type(error).__name__}): the exam is taken again")
        return None
