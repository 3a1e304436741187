"""One exam for several adapters of one base: each question is put to all of them, in joint forward passes.

    questions  1 2 3 4 …    a batch    member 4: 1 2 3 │ member 5: 1 2 3 │ member 7: 2 3
    members    4 5 7                   ─────────────── one pass of the base ─────────────

A batch holds the questions that one net would be asked at a time, and is split where they do not fit for all.
A member's answers are those of its exam alone but for floating-point noise; nothing of one reaches another,
NaN included.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from csft.console import bar
from csft.errors import NotNumbersError
from csft.evaluating import evaluating
from csft.exam.answering import Answering
from csft.exam.batching import Batch, Limits, split
from csft.exam.kept_answers import KeptAnswers
from csft.exam.prediction import Prediction
from csft.exam.preparing import Paper, prepare

Answered = dict[int, list[Prediction] | NotNumbersError]  # by member
Takers = dict[int, KeptAnswers | None]


class _Asked(NamedTuple):
    """A question of a batch, by its place there, and who is to answer it."""

    place: int
    member: int


def stream_together(net: Any, takers: Takers, tokenizer: Any, paper: Paper) -> Iterator[Answered]:
    """Ask the members of `net` (a `csft.model.Joint`) that are `takers`, each with its kept answers or None.

    Every step gives what was answered since the last one. Answers kept of earlier attempts come first and are
    not computed again. Take a member out of `takers` between two steps and it is asked no more; one whose
    logits are not numbers is given its error and taken out.
    """
    questions = paper.questions
    answering, batches, limits = prepare(net, tokenizer, paper, members=len(takers))
    answering.members = takers
    known = {member: kept.begin() if kept else {} for member, kept in takers.items()}
    done: Answered = {
        member: [found[question.id] for question in questions if question.id in found]
        for member, found in known.items()
        if found
    }
    total = len(questions) * len(takers)
    with bar("exam", "answer", total, done=sum(map(len, known.values()))) as progress:
        if done:
            yield done
        for batch in batches:
            asked = [
                _Asked(place, member)
                for place, row in enumerate(batch.rows)
                for member in takers
                if questions[row].id not in known[member]
            ]
            if not asked:
                continue
            answered = _answers(answering, batch, asked, limits)
            for member, answers in answered.items():
                kept = takers.pop(member) if isinstance(answers, NotNumbersError) else takers[member]
                if kept and isinstance(answers, list):
                    kept.add(answers)
            progress.update(len(asked))
            yield answered


def _answers(answering: Answering, batch: Batch, asked: Sequence[_Asked], limits: Limits) -> Answered:
    """What is answered in a batch, in as many passes as it needs."""
    answered: Answered = {}
    for part in split(batch, answering.prompts, [one.place for one in asked], limits):
        going = [asked[at] for at in part if not isinstance(answered.get(asked[at].member), NotNumbersError)]
        for member, answers in _pass(answering, batch, going).items():
            before = answered.get(member)
            if isinstance(before, list) and isinstance(answers, list):
                before += answers
            else:
                answered[member] = answers
    return answered


def _pass(answering: Answering, batch: Batch, asked: Sequence[_Asked]) -> Answered:
    """Ask in one pass; where logits are not numbers, member by member, to see whose."""
    by_member: dict[int, list[int]] = defaultdict(list)
    for one in asked:
        by_member[one.member].append(one.place)
    owners = [member for member, places in by_member.items() for _ in places]
    rows = batch.take([place for places in by_member.values() for place in places])
    try:
        with evaluating(answering.net):
            answers = iter(answering.answers(rows, owners))
    except NotNumbersError as error:
        if len(by_member) == 1:
            return dict.fromkeys(by_member, error)
        alone = [_pass(answering, batch, [one for one in asked if one.member == each]) for each in by_member]
        return {member: answers for one in alone for member, answers in one.items()}
    return {member: list(islice(answers, len(places))) for member, places in by_member.items()}
