"""The tables of a comparison: settings that differ, scores, pairs, truncation, conversation, cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from csft.cmb import SUB_EXAMS
from csft.report.analysis.pairing import base_right_of, right_of, share
from csft.report.comparing.pairs import Pair
from csft.report.comparing.same import Compared
from csft.report.study_data import SELECT, TEST, Trial
from csft.report.table import Cell, Column, Table
from csft.report.tables.columns import (
    DIFFERENCE,
    P_DIGITS,
    PERCENT,
    P,
    interval,
    of_difference,
    of_figure,
    without_empty,
)
from csft.report.tables.sub_exams import NAMES, named
from csft.report.tables.truncation import LOSSES, NOTES, WHOLE, shares, summed
from csft.result import ALL
from csft.track.values import flatten

PLACES = ("output", "study.", "tracker.")  # where and under what name, which decides nothing
NONE = "(none)"


def settings(title: str, labels: Sequence[str], nested: Sequence[Mapping[str, Any]]) -> Table:
    """Settings in which not all agree, one row each; places and names are left out."""
    flat = [flatten(one) for one in nested]
    keys = dict.fromkeys(key for one in flat for key in one if not key.startswith(PLACES))
    rows: list[list[Cell]] = [
        [key, *(_cell(one.get(key, NONE)) for one in flat)]
        for key in keys
        if len({repr(one.get(key, NONE)) for one in flat}) > 1
    ]
    return Table("settings", title, (Column("setting"), *map(Column, labels)), rows)


def scores(compared: Compared) -> Table:
    """Every trial and its untrained base on the splits that all share; on the others as they stand alone."""
    columns = (
        Column("trial"),
        Column("split"),
        Column("questions"),
        *interval("score"),
        Column("untrained", 2),
    )
    rows: list[list[Cell]] = []
    for split in (TEST, SELECT, "val"):
        marks = compared.marks.get(split)
        for label, trial in zip(compared.labels, compared.trials, strict=True):
            right = right_of(marks, trial) if marks else None
            if marks is not None and right is not None:
                base = base_right_of(marks, trial)
                before = share(base).percent if base is not None else None
                one = share(right)
                rows.append([label, split, one.n, *of_figure(one), before])
    note = "Percent right with 95 % intervals; of several seeds the means."
    return Table("scores", "Scores", columns, rows, (note,))


def against_first(compared: Compared, found: Sequence[Pair]) -> Table:
    """One row per pair."""
    columns = (
        *(Column("split"), Column("trial"), Column("it is"), *DIFFERENCE, P, Column("questions")),
        *(Column("only it right"), Column(f"only {compared.labels[0]} right")),
    )
    rows: list[list[Cell]] = []
    for pair in found:
        one = pair.difference
        row: list[Cell] = [pair.split, compared.labels[pair.other], pair.standing, *of_difference(one)]
        rows.append([*row, pair.p, one.n, one.only_b, one.only_a])
    note = (
        "Points on the same questions; p is McNemar's exact test, corrected for the others compared (Holm)."
    )
    return Table("pairs", f"Against {compared.labels[0]}, question by question", columns, rows, (note,))


def sub_exams(compared: Compared, pair: Pair) -> Table:
    """The 28 sub-exams of one pair."""
    first, other = compared.labels[0], compared.labels[pair.other]
    columns = (
        *NAMES,
        *(Column(first, PERCENT), Column(other, PERCENT), *DIFFERENCE),
        *(Column("corrected p", P_DIGITS), Column("differs")),
    )
    rows = [
        [*named(sub, one.n), one.percent_a, one.percent_b, *of_difference(one), one.p_fdr, one.clear]
        for sub in SUB_EXAMS
        if (one := pair.parts.get(sub.key))
    ]
    title = f"{other} against {first}, sub-exam by sub-exam, on {pair.split}"
    note = "p allows for the number of sub-exams (false discovery rate); differs means that it is below 0.05."
    return Table(f"sub-exams-{pair.split}-{pair.other}", title, columns, rows, (note,))


def truncation(compared: Compared) -> Table:
    """What the cut-off of each trial took from its datasets."""
    columns = (
        *(Column("trial"), Column("cut-off, tokens"), Column("dataset"), Column("records", 0)),
        *(Column(name, PERCENT) for name in LOSSES.values()),
        Column("tokens removed, %", PERCENT),
    )
    rows: list[list[Cell]] = []
    for label, trial in zip(compared.labels, compared.trials, strict=True):
        for name, counts in summed([trial]).items():
            if counts["records"] and trial.run:
                rows.append([label, trial.run.cutoff, name, counts["records"], *shares(counts)])
    rows.sort(key=lambda row: row[2] != WHOLE)  # all datasets together first
    return without_empty(Table("truncation", "What the cut-offs remove", columns, rows, NOTES[:1]))


def conversation(compared: Compared) -> Table:
    """How each talks after training, and before."""
    columns = (
        *(Column("trial"), Column("dialogues"), Column("loss", 3), Column("loss before", 3)),
        *(Column("length, tokens", 1), Column("length in the data", 1), Column("repeated, %", 1)),
        *(Column("without an end, %", 1), Column("distinct, %", 1)),
    )
    rows: list[list[Cell]] = []
    for label, trial in zip(compared.labels, compared.trials, strict=True):
        chat = trial.run.result.chat.get(ALL) if trial.run else None
        if trial.run and chat:
            before = trial.run.result.base_chat.get(ALL)
            loss: list[Cell] = [label, chat.dialogues, chat.loss, before.loss if before else None]
            rates = (100 * one for one in (chat.repetition, chat.unfinished, chat.distinct))
            rows.append([*loss, chat.length, chat.length_reference, *rates])
    note = "Loss per answer token on held-out dialogues, the lower the better; of the first seed."
    return Table("conversation", "Conversation", columns, rows, (note,))


def cost(compared: Compared) -> Table:
    """What each took, and on what."""
    columns = (
        *(Column("trial"), Column("hours", 3), Column("epochs", 2), Column("updates"), Column("tokens")),
        *(Column("tokens/s", 0), Column("memory, GB", 2), Column("device"), Column("processes")),
        *(Column("csft at"), Column("run folder")),
    )
    rows = [_cost(label, trial) for label, trial in zip(compared.labels, compared.trials, strict=True)]
    return without_empty(Table("cost", "What each took", columns, rows))


def _cost(label: str, trial: Trial) -> list[Cell]:
    assert trial.run
    result, manifest = trial.run.result, trial.run.manifest
    git = manifest.get("environment", {}).get("git") or {}
    done = (result.training.get(name) for name in ("updates", "tokens", "tokens_per_s"))
    made = (manifest.get("device"), result.processes, str(git.get("commit", ""))[:12])
    return [label, trial.hours, trial.epochs, *done, result.memory_gb, *made, str(trial.run.folder)]


def _cell(value: Any) -> Cell:
    return value if isinstance(value, (str, int, float)) else str(value)
