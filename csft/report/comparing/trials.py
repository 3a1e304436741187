"""The page of two or more trials beside each other."""

from collections.abc import Sequence
from datetime import UTC, datetime

from csft.report.analysis import UNDECIDED
from csft.report.comparing import figures, lines, tables
from csft.report.comparing.pairs import Pair, pairs, sentence
from csft.report.comparing.same import Compared, on_disk
from csft.report.page import Block, Code, Page, Points, Section, Text
from csft.report.study_data import TEST, Trial
from csft.report.tables.table2 import INVENTED, invented
from csft.track.values import clean

CHOSEN = (
    "A trial that was chosen by its score on select is flattered there by chance; nothing was chosen by test."
)


def trials_page(trials: Sequence[Trial], labels: Sequence[str], now: datetime | None = None) -> Page:
    """Every trial against the first. Raises DataError naming both where two share no question."""
    compared = on_disk(trials, labels)
    sections = [
        answer(compared),
        Section("settings", "Settings that differ", _settings(compared)),
        *shown(compared),
        Section("curves", "Training", tuple(lines.curves(compared)) or (Text(("No curves are kept.",)),)),
        Section("truncation", "Truncation", (tables.truncation(compared),)),
        Section("conversation", "Conversation", _conversation(compared)),
        Section("cost", "Cost and origin", (*_commands(compared), tables.cost(compared))),
    ]
    when = (now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC")
    return Page(
        " against ".join(labels), f"{len(labels)} trials, each against the first, {when}", tuple(sections)
    )


def answer(compared: Compared) -> Section:
    """What is known of each pair; what a reader has to know first."""
    found = pairs(compared)
    named = compared.labels
    said = tuple((pair.standing, sentence(pair, named[0], named[pair.other])) for pair in found)
    blocks: list[Block] = [Text(_first(compared, found), "answer"), Points(said)]
    notes = [*compared.warnings]
    if any(run and invented(run) for run in (one.run for one in compared.trials)):
        notes.append(INVENTED)
    return Section("answer", "What differs", (*blocks, Text((*notes, CHOSEN), "warning")))


def shown(compared: Compared) -> tuple[Section, Section]:
    """Scores and pairs, and the 28 sub-exams of each pair on the split with most questions."""
    found = pairs(compared)
    split = found[0].split if found else TEST
    parts: list[Block] = [
        block
        for pair in found
        if pair.split == split
        for block in (figures.sub_exams(compared, pair), tables.sub_exams(compared, pair))
    ]
    scores: tuple[Block, ...] = (
        *figures.scores(compared),
        tables.scores(compared),
        tables.against_first(compared, found),
    )
    return Section("scores", "Scores", scores), Section("sub-exams", "The 28 sub-exams", tuple(parts))


def _first(compared: Compared, found: Sequence[Pair]) -> tuple[str, ...]:
    """On the split that nothing was chosen by, if there is one: which differ from the first, and how many."""
    if not found:
        return ("Nothing can be compared.",)
    split = found[0].split
    here = [pair for pair in found if pair.split == split]
    clear = [compared.labels[pair.other] for pair in here if pair.standing != UNDECIDED]
    first = compared.labels[0]
    if not clear:
        return (f"On {split}, nothing tells {' or '.join(compared.labels[1:])} from {first} for certain.",)
    rest = "" if len(clear) == len(here) else " The others cannot be told from it."
    return (f"On {split}, {' and '.join(clear)} differ{'s' * (len(clear) == 1)} from {first}.{rest}",)


def _settings(compared: Compared) -> tuple[Block, ...]:
    nested = [one.run.settings for one in compared.trials if one.run]
    table = tables.settings("Settings that differ", compared.labels, nested)
    return (table,) if table.rows else (Text(("All settings are the same.",)),)


def _conversation(compared: Compared) -> tuple[Block, ...]:
    table = tables.conversation(compared)
    return (table,) if table.rows else (Text(("No dialogues were held out.",)),)


def _commands(compared: Compared) -> list[Code]:
    return [
        Code(clean(one.command), label)
        for label, one in zip(compared.labels, compared.trials, strict=True)
        if one.command
    ]
