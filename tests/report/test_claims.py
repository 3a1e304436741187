"""The paper's claims: called where the truth is so, and not where there is nothing or too little."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from made_data import PAPER, made

from csft.report.analysis import CONTRADICTED, NOT_TESTED, SUPPORTED, UNDECIDED, Claim
from csft.report.analysis.claims import average_length, claims
from csft.report.analysis.effects import effects
from csft.report.study_data import StudyData

CUTOFF, EPOCHS, RATE, DIVERSITY, TALK = range(5)
NEAR = {256: 8.0, 512: 4.0, 1024: 0.0}
MANY = {"paper": 20.0, "exam": 0.0}
LESS = {"paper": -8.0, "exam": 0.0}


def judged(data: StudyData) -> tuple[Claim, ...]:
    return claims(data, effects(data))


def standing(which: int, **more: Any) -> str:
    return judged(made(**{"trials": 40, "questions": 1120, "states": False, "exact": False, **more}))[
        which
    ].standing


@pytest.mark.parametrize(
    "which, truth, expected",
    [
        (CUTOFF, {"cutoff": NEAR}, SUPPORTED),
        (CUTOFF, {"cutoff": {256: 0.0, 512: 4.0, 1024: 8.0}}, CONTRADICTED),
        (EPOCHS, {"epochs": {1: 0.0, 2: 4.0, 3: 8.0}}, SUPPORTED),
        (EPOCHS, {"epochs": {1: 8.0, 2: 4.0, 3: 0.0}}, CONTRADICTED),
        (RATE, {"lr": -25.0}, SUPPORTED),
        (RATE, {"epochs": {1: 0.0, 2: 4.0, 3: 8.0}}, UNDECIDED),
        (DIVERSITY, {"mix": MANY, "epochs": {1: 0.0, 2: 1.0, 3: 2.0}}, SUPPORTED),
        (DIVERSITY, {"mix": {"paper": 3.0, "exam": 0.0}, "epochs": {1: 0.0, 2: 10.0, 3: 20.0}}, CONTRADICTED),
        (DIVERSITY, {"mix": LESS}, CONTRADICTED),
        (DIVERSITY, {"mix": {"paper": 7.0, "exam": 0.0}, "cutoff": NEAR}, UNDECIDED),
    ],
)
def test_what_is_true_is_called(which: int, truth: Mapping[str, Any], expected: str) -> None:
    assert standing(which, effects=truth) == expected


@pytest.mark.parametrize("change, expected", [(0.3, SUPPORTED), (-0.3, CONTRADICTED), (0.001, UNDECIDED)])
def test_conversation(change: float, expected: str) -> None:
    assert standing(TALK, chat=change, questions=56) == expected


def test_conversation_has_to_agree_over_datasets() -> None:
    data = made(trials=8, questions=56, states=False, exact=False)
    trials = []
    for one in data.trials:
        result = one.runs[0].result
        chat = {**result.chat, "discmed": replace(result.chat["discmed"], loss=1.0)}
        trials.append(replace(one, runs=(replace(one.runs[0], result=replace(result, chat=chat)),)))
    found = judged(replace(data, trials=tuple(trials)))[TALK]
    assert found.standing == UNDECIDED and "do not agree" in found.sentence


def test_what_was_not_varied_is_not_tested() -> None:
    settings = [{**PAPER, "mix": "paper"}] * 8
    found = judged(made(settings=settings, states=False, questions=56, chat=None, exact=False))
    assert [one.standing for one in found] == [NOT_TESTED] * 5
    assert found[CUTOFF].sentence == "This study did not vary it."


def test_a_cut_off_is_not_judged_without_a_longer_one() -> None:
    """Records have about 200 tokens; nothing longer than the nearest cut-off was tried."""
    settings = [{"cutoff": cut} for cut in (64, 128) for _ in range(4)]
    found = judged(made(settings=settings, effects={}, states=False, questions=560, exact=False))[CUTOFF]
    assert found.standing == NOT_TESTED and "no cut-off well above" in found.sentence


def test_too_few_trials_decide_nothing() -> None:
    found = judged(made(trials=4, states=False, questions=56, exact=False))
    assert {one.standing for one in found[:4]} == {UNDECIDED}
    assert "too few" in found[EPOCHS].sentence
    nothing = judged(made(trials=0))
    assert {one.standing for one in nothing} == {NOT_TESTED}


def test_average_length_is_of_all_records() -> None:
    data = made(trials=6, questions=56, states=False, exact=False)
    costs = [cost for one in data.trials for cost in one.runs[0].result.truncation.values()]
    tokens, records = (sum(cost[key] for cost in costs) for key in ("tokens_before", "records"))
    assert average_length(effects(data)) == pytest.approx(tokens / records)


def test_diversity_alone_is_not_the_most() -> None:
    """More datasets help, and nothing else was varied that they could matter more than."""
    settings = [{"mix": mix} for mix in ("paper", "exam") for _ in range(6)]
    found = judged(made(settings=settings, effects={"mix": MANY}, questions=1120, states=False, exact=False))
    assert found[DIVERSITY].standing == UNDECIDED
    assert (
        "12 datasets score" in found[DIVERSITY].sentence
        and "Nothing else was varied" in found[DIVERSITY].sentence
    )


def test_the_nearest_cut_off_is_held_against_the_longest() -> None:
    sentence = judged(made(trials=30, questions=560, states=False, exact=False))[CUTOFF].sentence
    assert re.fullmatch(
        r"Records have \d+ tokens on average\. A cut-off of 256, the nearest to that, scores "
        r"\d+\.\d points \(.+ to .+\) (more|less) than 1024, the longest\.",
        sentence,
    )


def test_no_claim_where_there_is_nothing() -> None:
    """Each of four claims may be called in 5 % of studies: of 80, more than 10 have a chance of 1 in 500.

    What is called has an interval that lies above zero, told in the direction that was found.
    """
    called = 0
    for seed in range(20):
        found = judged(made(20, 112, effects={}, seed=seed, states=False, chat=None, exact=False))
        called += sum(one.standing in (SUPPORTED, CONTRADICTED) for one in found)
        for one in found[:DIVERSITY]:
            interval = re.search(r"points \((\S+) to (\S+)\)", one.sentence)
            assert interval is not None
            assert (one.standing == UNDECIDED) == interval[1].startswith("−")
    assert called <= 10
