"""How a model talks, in figures: what of conversation a fine-tuning on exams can wear away."""

from collections.abc import Sequence
from dataclasses import dataclass

from csft.chat.sampled import Sampled

GRAM = 4  # tokens; a run that a sentence repeats by chance is shorter
PAIR = 2

Ids = Sequence[int]


@dataclass(frozen=True)
class Figures:
    """What is known of one model on some dialogues. Shares are from 0 to 1, lengths in tokens."""

    loss: float  # natural-log cross-entropy, mean over `tokens`
    tokens: int  # of the held-out answers, what ends an answer included
    dialogues: int
    answers: int  # sampled; all that follows is of them
    length: float  # mean, without what ends an answer
    length_reference: float  # of the dataset's own answers to the same questions, cut at the same limit
    repetition: float  # mean share of an answer's 4-grams that it has had before
    unfinished: float  # share of answers that ran into the limit
    distinct: float  # different ones among all pairs of neighbouring tokens: low where all answers are alike


def figures(
    loss: float,
    tokens: int,
    dialogues: int,
    *,
    answers: Sequence[Sampled],
    references: Sequence[Ids],
    limit: int,
) -> Figures:
    """Figures of a loss and of at least one answer, each with its reference; `limit` is what cut them."""
    return Figures(
        loss,
        tokens,
        dialogues,
        len(answers),
        length=_mean([len(one.ids) for one in answers]),
        length_reference=_mean([min(len(ids), limit) for ids in references]),
        repetition=_mean([repetition(one.ids) for one in answers]),
        unfinished=_mean([not one.finished for one in answers]),
        distinct=distinct([one.ids for one in answers]),
    )


def repetition(ids: Ids) -> float:
    """Share of an answer's 4-grams that stand in it before; 0 of an answer that is shorter."""
    grams = _runs(ids, GRAM)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def distinct(answers: Sequence[Ids]) -> float:
    """Share of different ones among the pairs of neighbouring tokens of all answers; 0 without a pair.

    Distinct-2 of Li et al. 2016 (arXiv 1510.03055), of pairs.
    """
    pairs = [pair for ids in answers for pair in _runs(ids, PAIR)]
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def _runs(ids: Ids, size: int) -> list[tuple[int, ...]]:
    return [tuple(ids[at : at + size]) for at in range(len(ids) - size + 1)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
