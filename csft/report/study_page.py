"""The report of one study: its sections, in the order in which a reader asks."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from csft.report import tables as table_room
from csft.report.analysis import Analysis, Rival
from csft.report.figures import figures
from csft.report.figures.naming import named_objective, percent, points, some
from csft.report.page import Block, Chart, Code, Folded, Page, Points, Section, Text
from csft.report.saying import listed, several
from csft.report.study_data import SELECT, TEST, StudyData
from csft.report.table import Table

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

SELECTED_ON = "the held-out split select, which no trial trained on"
NOT_ON_TEST = "the test split was scored and never chosen by."


class Material:
    """Figures and tables by name; what a section has taken is not shown again."""

    def __init__(self, drawn: "Mapping[str, tuple[Figure, str]]", made: Mapping[str, Table]) -> None:
        self._blocks: dict[str, Block] = {
            **{f"figure {name}": Chart(name, figure, says) for name, (figure, says) in drawn.items()},
            **{f"table {name}": table for name, table in made.items()},
        }

    def folded(self, *patterns: str) -> list[Block]:
        """As `take`, of tables that say what a figure shows."""
        return [Folded(block) if isinstance(block, Table) else block for block in self.take(*patterns)]

    def take(self, *patterns: str) -> list[Block]:
        """The blocks of these names, in this order; a name that ends in `*` is all that begin so."""
        taken: list[Block] = []
        for pattern in patterns:
            start = pattern.removesuffix("*")
            names = [
                name
                for name in self._blocks
                if name == pattern or (start != pattern and name.startswith(start))
            ]
            taken += [self._blocks.pop(name) for name in names]
        return taken


def page(data: StudyData, found: Analysis, now: datetime | None = None) -> Page:
    """All of a study's report. Nothing vanishes: a section with nothing to show says why."""
    material = Material(figures(data, found), table_room.tables(data, found))
    made = [
        Section(name, title, tuple(blocks) or (Text((why(data, found),)),))
        for name, title, blocks, why in _sections(data, found, material)
    ]
    if left := material.take("figure *", "table *"):
        made.append(Section("more", "More", tuple(left)))
    when = (now or datetime.now(UTC)).strftime("%Y-%m-%d %H:%M UTC")
    counts = Counter(one.state for one in data.trials)
    told = ", ".join(f"{count} {state}" for state, count in counts.items()) or "none"
    return Page(
        title=f"Study {data.name}",
        subtitle=f"{several(len(data.trials), 'trial')} ({told}) · {data.storage} · {when}",
        sections=tuple(made),
    )


Why = Callable[[StudyData, Analysis], str]


def _sections(
    data: StudyData, found: Analysis, of: Material
) -> Iterator[tuple[str, str, Sequence[Block], Why]]:
    yield "answer", "The answer", _answer(data, found, of), _no_winner
    yield "trials", "All trials", of.take("figure best-trials", "table trials"), _no_trials
    effects = [*of.take("figure effect-*"), *_notes(found), *of.folded("table effects")]
    yield "effects", "What each hyperparameter does", effects, _too_few
    interactions = of.take("figure interaction-*") + of.folded("table interactions")
    yield "interactions", "Which effects depend on each other", interactions, _too_few
    yield "importance", "Importance", of.folded("figure importance", "table importance"), _too_few
    yield "history", "Optimisation history", of.take("figure history"), _no_trials
    yield "curves", "Learning curves", of.take("figure loss", "figure exams"), _no_curves
    all_parts = of.folded("figure sub-exams", "table sub-exams-all-*")
    yield "sub-exams", "The 28 sub-exams", all_parts, _no_finished
    against = of.folded("figure sub-exams-*", "table sub-exams-*")
    yield "differences", "The winner against base and paper, by sub-exam", against, _no_winner
    cut = of.folded("figure truncation", "table truncation")
    yield "truncation", "Cut-off against truncation", cut, _no_truncation
    yield "cost", "Score against cost", of.take("figure cost", "table cost"), _no_hours
    talk = of.take("figure conversation", "table conversation")
    yield "conversation", "Conversation against exams", talk, _no_dialogues
    yield "table2", "Beside the published table", _warned(of.take("table table2")), _no_test
    of.take("table claims")  # a file of its own; here the sentences stand
    yield "claims", "The paper's claims", _claims(found), _no_claims
    origin = [Text((_selection(data),)), *of.take("table provenance", "table datasets", "table left-out")]
    yield "provenance", "Where this comes from", origin, _no_trials


def _warned(blocks: Sequence[Block]) -> list[Block]:
    """Tables whose notes have to be read first: they stand before them, as warnings."""
    shown: list[Block] = []
    for block in blocks:
        notes = block.notes if isinstance(block, Table) else ()
        shown += [Text(notes, "warning")] if notes else []
        shown.append(replace(block, notes=()) if isinstance(block, Table) else block)
    return shown


def _answer(data: StudyData, found: Analysis, of: Material) -> list[Block]:
    blocks: list[Block] = []
    sentences = found.answer or (_no_winner(data, found),)
    blocks.append(Text(sentences, "answer", tuple(_numbers(data, found))))
    if found.winner and (command := data.trial(found.winner.trial).command):
        blocks.append(Code(command, "This command repeats it:"))
    if found.cautions:
        blocks.append(Text(found.cautions, "warning"))
    if found.winner and found.winner.rivals:
        blocks.append(Points(tuple(_standings(found.winner.rivals))))
    return [*blocks, *of.folded("figure rivals-*", "table rivals")]


def _numbers(data: StudyData, found: Analysis) -> Iterator[tuple[str, str]]:
    """The winner's scores, and what it gained over the untrained model."""
    if not found.winner:
        return
    chosen = "which it was chosen on" if percent(data) else "held out of training"
    for split, what in ((SELECT, chosen), (TEST, "which nothing was chosen by")):
        if share := found.winner.scores.get(split):
            yield (
                f"{share.percent:.1f} %",
                f"on {split}, {what}; 95 % interval {share.low:.1f} to {share.high:.1f}, "
                f"{share.n:,} questions",
            )
    base = found.winner.base.get(TEST) or found.winner.base.get(SELECT)
    if base:
        one = base.difference
        yield (
            f"{points(one.difference)} points",
            f"against the untrained model on {base.split}; "
            f"95 % interval {points(one.low)} to {points(one.high)}",
        )


def _standings(rivals: Sequence[Rival]) -> Iterator[tuple[str, str]]:
    """By split, what the winner beats for certain and what it does not; the nearest first."""
    words = {
        "better": "than {who} on {split}.",
        "undecided": "against {who} on {split}: the difference may be chance.",
        "worse": "than {who} on {split}.",
    }
    for split in dict.fromkeys(one.split for one in rivals):
        for standing, sentence in words.items():
            having = [one for one in rivals if one.split == split and one.standing == standing]
            nearest = sorted(having, key=lambda one: abs(one.difference.difference))
            if having:
                who = some([one.name for one in nearest])
                yield standing, sentence.format(who=who, split=split)


def _notes(found: Analysis) -> list[Block]:
    """Parameters whose effect cannot be told, each with the reason."""
    notes = tuple((one.parameter, one.note) for one in found.effects if one.note and not one.levels)
    return [Points(tuple(("", f"{parameter}: {note}") for parameter, note in notes))] if notes else []


def _claims(found: Analysis) -> list[Block]:
    if not found.claims:
        return []
    told = (
        (one.standing, f"{one.claim} {one.sentence} Decided by: {one.test.rstrip('.')}.")
        for one in found.claims
    )
    return [Points(tuple(told))]


def _selection(data: StudyData) -> str:
    """What the winner was chosen by."""
    others = [named_objective(one) for one in data.objectives if one != "score"]
    used = [SELECTED_ON] * ("score" in data.objectives) + others
    return f"Selection used {listed(used)}; {NOT_ON_TEST}"


def _no_winner(data: StudyData, _: Analysis) -> str:
    if not data.finished:
        return "No trial has finished whose scores could be compared, so that there is no winner yet."
    return "No trial that finished keeps all limits of the study, so that there is no winner."


def _no_trials(data: StudyData, _: Analysis) -> str:
    return "No trial has a score yet." if data.trials else "The study has no trials yet."


def _no_finished(data: StudyData, _: Analysis) -> str:
    return "No trial has finished whose scores could be compared."


def _too_few(data: StudyData, _: Analysis) -> str:
    if not data.parameters:
        return "The study varies nothing."
    return f"Too few to tell: {several(len(data.finished), 'trial')} with scores that can be compared."


def _no_curves(data: StudyData, _: Analysis) -> str:
    return "No trial has logged its training."


def _no_truncation(data: StudyData, _: Analysis) -> str:
    return "No finished trial has counts of what its cut-off removed."


def _no_hours(data: StudyData, _: Analysis) -> str:
    return "No finished trial within the limits has both a score on select and its hours."


def _no_dialogues(data: StudyData, _: Analysis) -> str:
    return "No dialogues were held out in this study, so that nothing is known of how its models talk."


def _no_test(data: StudyData, _: Analysis) -> str:
    return "No finished trial was examined on the test split, which the published table is of."


def _no_claims(data: StudyData, _: Analysis) -> str:
    return "No trial has finished by which the claims could be judged."
