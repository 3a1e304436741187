"""Trials on one base that are trained and examined together, as far as that is allowed.

    orders    4: train   5: train   6: train, other attention   7: examine   8: examine

    group     4, 5 ──── one update of both ────▶                7, 8 ──── one exam ────▶
              6 waits until the group is through

Which trials are in a group changes no result beyond floating-point noise. What the exams on the way of one of
them take is its own time; all else is shared out by tokens.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from csft import train
from csft.console import say
from csft.conversing import converse_together, talk_key
from csft.examining import Sitter, ask_together, exam_key
from csft.model import warm
from csft.model.together import Together
from csft.orders import Converse, Examine, Train
from csft.study.packable import alone
from csft.study.pool import Outcome, Served, Service, outcome
from csft.study.training_group import TrainingGroup

if TYPE_CHECKING:
    from peft import PeftModel

    from csft.exam import Prediction


class Companions(Service):
    """Trains at most `most` trials together, and examines them together where `exams` says so."""

    def __init__(self, most: int, exams: bool) -> None:
        self.most, self._exams = most, exams
        self._group: TrainingGroup | None = None

    def train(self, orders: Mapping[int, Train]) -> Served:
        """One update of all that can be trained together, or the whole training of one that cannot."""
        for number, order in orders.items():
            if why := _not_with_others(order):
                say(f"trial {number} is trained by itself: {why}")
                return Served({number: outcome(order.alone)}, {number: 1.0})
        for number, order in orders.items():
            if self._group is None or not len(self._group):
                self._group = TrainingGroup(order, self.most)
            failed = self._group.offer(number, order)
            if failed is not None:
                return Served({number: Outcome(error=failed)}, {number: 1.0})
        assert self._group is not None
        return self._group.update()

    def examine(self, orders: Mapping[int, Examine]) -> Served:
        """All exams that are the same, put to their nets at once; or one exam."""
        first = min(orders)
        same = {number: one for number, one in orders.items() if _same_exam(orders[first], one)}
        if not self._exams or len(same) < 2:
            return Served({first: outcome(orders[first].alone)}, {first: 1.0})
        say(f"trials {', '.join(map(str, same))} are examined together")
        return Served(_examined(same), dict.fromkeys(same, 1 / len(same)))

    def converse(self, orders: Mapping[int, Converse]) -> Served:
        """All conversations that are the same, held with their nets at once; or one of them."""
        first = min(orders)
        same = {number: one for number, one in orders.items() if _same_talk(orders[first], one)}
        if not self._exams or len(same) < 2:
            return Served({first: outcome(orders[first].alone)}, {first: 1.0})
        return Served(_talked(same), dict.fromkeys(same, 1 / len(same)))


def _joined(orders: Mapping[int, Examine] | Mapping[int, Converse]) -> Together:
    base = warm.kept()
    assert base is not None
    together = Together(base.net)
    for number, order in orders.items():
        together.join(number, cast("PeftModel", order.net))
    return together


def _examined(orders: Mapping[int, Examine]) -> dict[int, Outcome]:
    """How each of the same exams went."""
    first = next(iter(orders.values()))
    outcomes: dict[int, Outcome] = {}
    answers: dict[int, dict[str, list[Prediction]]] = {number: {} for number in orders}
    try:
        together = _joined(orders)
        for split, questions in first.asked.items():
            sitters = {
                number: Sitter(order.job) for number, order in orders.items() if number not in outcomes
            }
            if sitters:
                ask_together(together, sitters, first.tokenizer, split, questions)
            for number, sitter in sitters.items():
                answers[number][split] = sitter.answers
                if sitter.error is not None:
                    outcomes[number] = Outcome(error=sitter.error)
    except BaseException as error:  # of all that are not through
        outcomes |= {number: Outcome(error=error) for number in orders if number not in outcomes}
    return {number: outcomes.get(number, Outcome(answers[number])) for number in orders}


def _talked(orders: Mapping[int, Converse]) -> dict[int, Outcome]:
    """How each of the same conversations went."""
    first = next(iter(orders.values()))
    talkers = {number: (order.job, order.net) for number, order in orders.items()}
    try:
        found = converse_together(_joined(orders), talkers, first.tokenizer)
    except BaseException as error:
        return dict.fromkeys(orders, Outcome(error=error))
    failed = {number: one for number, one in found.items() if isinstance(one, Exception)}
    return {
        number: Outcome(error=failed[number]) if number in failed else Outcome(one)
        for number, one in found.items()
    }


def _same_exam(one: Examine, other: Examine) -> bool:
    """Whether both can sit one exam: the same questions, put in the same way, on the base that is kept."""
    alike = exam_key(one.job) == exam_key(other.job) and one.asked.keys() == other.asked.keys()
    questions = one.job.identity.parts["exams"] == other.job.identity.parts["exams"]
    return one is other or (alike and questions and _both_join(one, other))


def _same_talk(one: Converse, other: Converse) -> bool:
    """Whether both can be talked with at once, on the base that is kept."""
    return one is other or (talk_key(one.job) == talk_key(other.job) and _both_join(one, other))


def _both_join(*orders: Examine | Converse) -> bool:
    return not any(_not_with_others(order) for order in orders)


def _not_with_others(order: Train | Examine | Converse) -> str | None:
    """Why an order's net cannot join others on the base that this worker keeps; None: it can."""
    base, net = warm.kept(), cast("PeftModel", order.net)
    if why := alone(order.job.config):
        return why
    if base is None:
        return f"its base is not kept ({order.job.base})"
    theirs, ours = net.get_base_model().get_input_embeddings(), base.net.get_input_embeddings()
    if theirs.weight.data_ptr() != ours.weight.data_ptr():
        return "its base is not the one that is kept"
    return train.unfit(base.net)
