"""What a report says first: figures of the analysis in careful sentences, and what must be known besides."""

import re
from dataclasses import replace

import pytest
from made_data import PAPER, made

from csft.report.analysis import BETTER, UNDECIDED, Analysis
from csft.report.analysis.analysing import analyse
from csft.report.saying import chance, listed, points, signed
from csft.report.study_data import SELECT, TEST, StudyData


def told(found: Analysis) -> str:
    return "\n".join((*found.answer, *found.cautions))


def without_test(data: StudyData) -> StudyData:
    return replace(data, marks={SELECT: data.marks[SELECT]})


def test_the_answer_is_the_analysis_in_words() -> None:
    data = made(trials=24)
    found = analyse(data)
    winner = found.winner
    assert winner is not None
    first, rivals, base, paper, *rest = found.answer
    for split in (SELECT, TEST):
        one = winner.scores[split]
        assert f"{one.percent:.1f} percent ({one.low:.1f} to {one.high:.1f}) on {split}" in first
    assert data.trial(winner.trial).setting in first
    on_test = [one for one in winner.rivals if one.split == TEST]
    better = sum(one.standing == BETTER for one in on_test)
    assert f"Of {len(on_test)} other finished trials it is significantly better than {better}" in rivals
    assert f"{winner.base[TEST].difference.difference:.1f} points" in base
    assert winner.paper[TEST].standing == UNDECIDED and "is undecided" in paper
    clear = [
        one.parameter for one in found.effects if any(f"equal, {one.parameter} does best" in s for s in rest)
    ]
    assert clear == ["cutoff", "epochs"]
    assert "No effect could be shown of lr and mix" in rest[-1]


def test_a_clear_gain_over_the_papers_setting_is_said() -> None:
    settings = [PAPER, {**PAPER, "cutoff": 256}]
    found = analyse(made(settings=settings, questions=5600, states=False, exact=False))
    assert re.search(
        r"It scores \d\.\d points \(.*\) above the paper's setting \(trial 0\) \(on test, p", told(found)
    )


def test_cautions_name_what_the_study_lost() -> None:
    said = told(analyse(made(trials=24, exact=False)))
    for words in (
        "chosen among 16 trials by its score on select, which is therefore likely too high",
        "Every setting was trained with one seed",
        "With 280 questions a score on select is known to ±",
        "17 rivals were compared at once",
        "2 trials given up early",
        "4 trials without a score",
        "2 trials beyond a limit",
        "The sampler, tpe,",
        "1 result left out (made/trial-3b: result.json is damaged)",
    ):
        assert words in said
    assert "trained with up to 2 seeds" in told(analyse(made(trials=3, questions=56, seeds=2, exact=False)))


def test_without_a_split_that_chose_nothing() -> None:
    said = told(analyse(without_test(made(trials=4, questions=56, states=False, exact=False))))
    assert "no split that chose nothing was examined" in said
    assert "on test" not in said


def test_several_objectives() -> None:
    data = made(trials=12, questions=280, objectives=("score", "gpu_hours"), exact=False, states=False)
    said = told(analyse(data))
    assert len(data.best) > 1
    assert "The study weighs score and gpu_hours: trial" in said and "by score alone" in said
    other = replace(data, objectives=("gpu_hours", "score"))
    assert "chosen among" not in told(analyse(other)) and "on the 140 questions of select" in told(
        analyse(other)
    )


@pytest.mark.parametrize("trials", [0, 1, 2, 5])
def test_small_studies_are_analysed(trials: int) -> None:
    data = made(trials=trials, questions=56, states=False, exact=False)
    found = analyse(data)
    assert found.answer and len(found.claims) == 5
    assert (found.winner is None) == (trials == 0)
    if trials == 0:
        assert found.answer == (
            "No trial of this study has finished within its limits, so there is no winner.",
        )
    if trials == 1:
        assert "It is the paper's setting itself." in found.answer
        assert "No other trial has finished" in told(found)


def test_nobody_within_the_limits() -> None:
    """Every trial is beyond a limit: nobody wins, and what parameters do can be told all the same."""
    data = made(trials=20, questions=560, states=False, exact=False)
    trials = tuple(replace(one, state="infeasible", why="beyond memory_gb") for one in data.trials)
    found = analyse(replace(data, trials=trials, best=()))
    assert found.winner is None and any(one.levels for one in found.effects)
    assert "so there is no winner" in found.answer[0]


def test_nothing_is_claimed_where_all_score_alike() -> None:
    data = made(settings=[{"cutoff": cut} for cut in (256, 512)] * 6, questions=56, states=False, exact=False)
    same = {
        split: replace(one, right_MQ=one.right_MQ[[0] + [1] * (len(one.right_MQ) - 1)])
        for split, one in data.marks.items()
    }
    trials = tuple(
        replace(one, runs=(replace(one.runs[0], result=data.trials[0].runs[0].result),))
        for one in data.trials
    )
    found = analyse(replace(data, trials=trials, marks=same))
    assert found.winner is not None
    assert {one.standing for one in found.winner.rivals} == {UNDECIDED}
    assert all(not one.levels for one in found.effects) and found.importances == ()
    assert "significantly better than none" in told(found)


def test_figures_in_words() -> None:
    assert points(-2.04, -3.0, 0.02) == "2.0 points (−0.02 to 3.0)"
    assert points(2.0, 0.004, 4.0) == "2.0 points (0.004 to 4.0)"
    assert signed(-1.25, -3.0, 0.5) == "−1.2 (−3.0 to +0.5)"
    assert [chance(p) for p in (0.0, 0.0009, 0.0312, 1.0)] == [
        "p < 0.001",
        "p < 0.001",
        "p = 0.031",
        "p = 1.000",
    ]
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
