"""The figures of a study's report, one idea per file, each with what it says in words.

file             figures
scores           best-trials: the best trials with intervals, beside the untrained model
effects          effect-NAME: the score to expect at each value of a parameter
interactions     interaction-A-B: mean score at the values of two parameters
importance       importance: shares of the score's variation
history          history: trial by trial, with the best so far
curves           loss, exams: what happened while the best trials trained
sub_exams        sub-exams: all sub-exams of the best trials; sub-exams-base, sub-exams-paper: differences
rivals           rivals-select, rivals-test: the winner less every other model
truncation       truncation: what each cut-off removed from each dataset, below the score at that cut-off
trade_offs       cost: score against GPU-hours
conversation     conversation: loss on dialogues against the exam's score
"""

from typing import TYPE_CHECKING

from csft.report.analysis import Analysis
from csft.report.figures import (
    conversation,
    curves,
    effects,
    history,
    importance,
    interactions,
    rivals,
    scores,
    sub_exams,
    trade_offs,
    truncation,
)
from csft.report.study_data import StudyData

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

Drawn = tuple["Figure", str]


def figures(data: StudyData, found: Analysis) -> dict[str, Drawn]:
    """Every figure that the study has something to show in, with its text equivalent."""
    drawn: dict[str, Drawn | None] = {
        "best-trials": scores.best_trials(data, found),
        **effects.effects(data, found),
        **interactions.interactions(found),
        "importance": importance.importance(found),
        "history": history.history(data),
        "loss": curves.loss(data),
        "exams": curves.exams(data),
        "sub-exams": sub_exams.heat_map(data),
        **sub_exams.differences(data, found),
        **rivals.rivals(data, found),
        "truncation": truncation.truncation(data, found),
        "cost": trade_offs.cost(data),
        "conversation": conversation.conversation(data),
    }
    return {name: one for name, one in drawn.items() if one is not None}
