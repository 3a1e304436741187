"""Effects of parameters against known truths, textbook tests and simulation; interactions and importances."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from made_data import LR, TRUTH, made
from scipy.stats import f_oneway, ttest_ind

from csft.report.analysis import Effect
from csft.report.analysis.axes import POINTS, Axis, axes, score, scored
from csft.report.analysis.effects import Effects, effects, extremes
from csft.report.analysis.fitting import LEAST, fit
from csft.report.analysis.importance import importances
from csft.report.analysis.interactions import interactions
from csft.report.study_data import SELECT, StudyData

CUT = [64, 128, 256]


def study(
    settings: list[dict[str, Any]],
    scores: list[float],
    space: Mapping[str, Any] | None = None,
    scales: Mapping[str, str] | None = None,
) -> StudyData:
    """Trials with these settings and scores on select."""
    data = made(settings=settings, questions=56, states=False, chat=None, exact=False, effects={})
    trials = []
    for trial, value in zip(data.trials, scores, strict=True):
        result = trial.runs[0].result
        of = {**result.scores, SELECT: replace(result.scores[SELECT], total=value)}
        trials.append(replace(trial, runs=(replace(trial.runs[0], result=replace(result, scores=of)),)))
    return replace(data, trials=tuple(trials), record={"space": space or {}}, scales=scales or {})


def of(found: Effects, parameter: str) -> Effect:
    return next(one for one in found.effects if one.parameter == parameter)


def test_two_values_are_compared_by_students_t() -> None:
    scores = [50.0, 52.0, 51.0, 55.0, 57.5, 54.0]
    found = effects(study([{"mix": "paper"}] * 3 + [{"mix": "exam"}] * 3, scores))
    effect = of(found, "mix")
    assert effect.p == pytest.approx(ttest_ind(scores[:3], scores[3:]).pvalue)
    assert [(one.value, one.trials, one.mean) for one in effect.levels] == [
        ("paper", 3, pytest.approx(51)),
        ("exam", 3, pytest.approx(55.5)),
    ]
    interval = ttest_ind(scores[3:], scores[:3]).confidence_interval()
    assert (effect.span_low, effect.span_high) == pytest.approx((interval.low, interval.high))
    assert effect.span == pytest.approx(4.5)


def test_several_values_are_compared_by_analysis_of_variance() -> None:
    scores = [50.0, 52.0, 51.0, 55.0, 57.5, 54.0, 49.0, 48.0, 52.5]
    found = effects(study([{"cutoff": cutoff} for cutoff in CUT for _ in range(3)], scores))
    effect = of(found, "cutoff")
    assert effect.p == pytest.approx(f_oneway(scores[:3], scores[3:6], scores[6:]).pvalue)
    assert [(one.value, one.trials) for one in effect.levels] == [(64, 3), (128, 3), (256, 3)]
    assert effect.numeric and effect.note == ""


def test_truths_are_found_in_a_large_study() -> None:
    found = effects(made(trials=150, questions=5600, states=False, chat=None, exact=False, seed=5))
    assert {one.parameter for one in found.effects} == {"cutoff", "epochs", "lr", "mix"}
    for name in ("cutoff", "epochs", "mix"):
        truth, effect = TRUTH[name], of(found, name)
        assert isinstance(truth, Mapping)
        lowest = effect.levels[0]
        for level in effect.levels:
            assert level.mean - lowest.mean == pytest.approx(
                truth[level.value] - truth[lowest.value], abs=0.6
            )
            assert level.low < level.mean < level.high
        assert effect.p is not None and effect.p < 1e-6
    rate = of(found, "lr")
    assert rate.log and len(rate.levels) == POINTS and all(one.trials == 0 for one in rate.levels)
    assert max(rate.levels, key=lambda one: one.mean).value == pytest.approx(2e-5, rel=0.5)
    assert LR[0] <= float(rate.levels[0].value) < float(rate.levels[-1].value) <= LR[1]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of 400 studies of 20 trials: means and chosen differences 95 %, largest differences at least that."""
    random, held = np.random.default_rng(3), np.zeros(4)
    truth = {64: 0.0, 128: 3.0, 256: 5.0}
    for _ in range(400):
        cutoffs, mixes = random.choice(CUT, 20), random.choice(["a", "b"], 20)
        lr = np.exp(random.uniform(-11, -9, 20))
        true_N = np.array([truth[int(cut)] for cut in cutoffs]) + 2 * (mixes == "b") - (np.log(lr) + 10) ** 2
        scores = list(50 + true_N + random.normal(0, 2, 20))
        fitted = fit(
            [
                Axis("cutoff", tuple(int(cut) for cut in cutoffs), numeric=True, log=True, listed=True),
                Axis("mix", tuple(str(mix) for mix in mixes), numeric=False, log=False, listed=True),
                Axis("lr", tuple(lr), numeric=True, log=True, listed=False),
            ],
            scores,
        )
        assert fitted is not None
        rows = {cut: fitted.row("cutoff", cut) for cut in CUT}
        mean = fitted.estimate(rows[64])
        true_mean = 50 + float(np.mean(true_N - [truth[int(cut)] for cut in cutoffs]))
        step, least = fitted.estimate(rows[256] - rows[64]), fitted.simultaneous(rows[256] - rows[64], 2)
        place = fitted.row("lr", float(lr.min())) - fitted.row("lr", float(lr.max()))
        bend = fitted.estimate(place)
        true_bend = (np.log(lr.max()) + 10) ** 2 - (np.log(lr.min()) + 10) ** 2
        held += [
            mean.low <= true_mean <= mean.high,
            step.low <= 5 <= step.high,
            least.low <= 5 <= least.high,
            bend.low <= true_bend <= bend.high,
        ]
    assert held / 400 == pytest.approx([0.95, 0.95, 0.98, 0.95], abs=0.035)


def test_what_others_do_is_held_equal() -> None:
    """All long cut-offs were trained longer, so that plain means would say that they score better."""
    settings = [
        {"cutoff": cut, "epochs": ep} for cut, ep in [(64, 1), (64, 1), (64, 2), (256, 2), (256, 3), (256, 3)]
    ]
    scores = [10.0 * one["epochs"] - (3 if one["cutoff"] == 256 else 0) for one in settings]
    noise = [0.1, -0.1, 0.05, -0.05, 0.1, -0.1]
    found = of(
        effects(study(settings * 2, [a + b for a, b in zip(scores * 2, noise + noise[::-1], strict=True)])),
        "cutoff",
    )
    assert found.levels[0].mean - found.levels[1].mean == pytest.approx(3, abs=0.3)


def test_conditional_parameters() -> None:
    """Ranks exist with adapters alone, and each way of tuning has rates of its own."""
    random = np.random.default_rng(1)
    settings: list[dict[str, Any]] = []
    scores = []
    for number in range(36):
        cut = CUT[number % 3]
        if number % 2:
            rank, rate = int(random.choice([4, 8, 16])), float(np.exp(random.uniform(-9, -7)))
            settings.append({"tune": "lora", "cutoff": cut, "tune.rank": rank, "lr (tune=lora)": rate})
            scores.append(40 + {4: 0.0, 8: 3.0, 16: 6.0}[rank] + cut / 64)
        else:
            rate = float(np.exp(random.uniform(-12, -10)))
            settings.append({"tune": "full", "cutoff": cut, "lr (tune=full)": rate})
            scores.append(45 - 2 * (np.log(rate) + 11) ** 2 + cut / 64)
    noisy = [float(one + random.normal(0, 0.3)) for one in scores]
    found = effects(study(settings, noisy))
    rank = of(found, "tune.rank")
    assert [one.value for one in rank.levels] == [4, 8, 16]
    assert rank.levels[2].mean - rank.levels[0].mean == pytest.approx(6, abs=0.6)
    assert sum(one.trials for one in rank.levels) == 18
    assert rank.levels[0].mean == pytest.approx(
        np.mean([40 + one["cutoff"] / 64 for one in settings[1::2]]), abs=0.6
    )
    assert of(found, "lr (tune=full)").p < 0.001 < of(found, "lr (tune=lora)").p  # type: ignore[operator]
    assert found.of("lr") is not None
    assert [one.parameter for one in importances(found)] == ["tune", "cutoff"] or len(importances(found)) == 2


@pytest.mark.parametrize(
    "settings, scores, says",
    [
        ([{"cutoff": 64}, {"cutoff": 128}, {"cutoff": 256}], [1.0, 2.0, 4.0], "3 scored trials are too few"),
        ([{"cutoff": 64}, {"cutoff": 128}] * 4, [50.0] * 8, "all trials score alike"),
        ([{"cutoff": 64}, {"cutoff": 128}] * 4, [50.0, 51.0] * 4, "nothing is left"),
        ([{"cutoff": 64}] * 3, [50.0, 51.0, 52.0], "has 64"),
        (
            [{"cutoff": 64, "mix": "a"}, {"cutoff": 128, "mix": "b"}] * 4,
            [50.0, 53.0, 51.0, 52.0, 50.5, 53.5, 51.5, 52.0],
            "changed together",
        ),
    ],
)
def test_what_cannot_be_told_says_why(settings: list[dict[str, Any]], scores: list[float], says: str) -> None:
    effect = of(effects(study(settings, scores)), "cutoff")
    assert says in effect.note
    assert (effect.levels, effect.p, effect.span) == ((), None, None)


def test_one_confounded_pair_leaves_the_others() -> None:
    settings = [
        {"cutoff": cut, "mix": "ab"[cut == 64], "epochs": ep} for cut in (64, 256) for ep in (1, 2, 3)
    ] * 2
    noise = [0.3, -0.2, 0.5, 0.1, -0.4, 0.0, -0.1, 0.4, -0.3, 0.2, 0.6, -0.5]
    scores = [5.0 * one["epochs"] + extra for one, extra in zip(settings, noise, strict=True)]
    found = effects(study(settings, scores))
    assert of(found, "cutoff").levels == of(found, "mix").levels == ()
    assert len(of(found, "epochs").levels) == 3


def test_few_trials_are_fitted_more_plainly() -> None:
    """Five cut-offs, once each: levels leave nothing for noise, and a line does."""
    effect = of(
        effects(study([{"cutoff": 64 * 2**n} for n in range(5)], [50.0, 51.5, 52.0, 54.0, 54.5])), "cutoff"
    )
    assert [one.value for one in effect.levels] == [64, 128, 256, 512, 1024]
    steps = np.diff([one.mean for one in effect.levels])
    assert steps == pytest.approx([steps[0]] * 4)
    assert "straight line over a logarithmic axis" in effect.note


def test_scores_are_means_over_seeds_and_of_all_that_finished() -> None:
    data = made(trials=24, questions=56, seeds=2, exact=False, chat=None)
    trials = scored(data)
    assert [one.state for one in data.trials if one not in trials] == ["pruned", "failed", "killed"] * 2
    assert "infeasible" in {one.state for one in trials}
    first = trials[0]
    assert score(first) == pytest.approx(np.mean([run.result.scores[SELECT].total for run in first.runs]))


def test_how_values_are_read() -> None:
    settings = [
        {"t": t, "w": w, "n": n, "u": n}
        for n, (t, w) in enumerate([("inf", 0), (1, 1.5), (float("inf"), 4), (3, 0)])
    ]
    found = {one.name: one for one in axes(study(settings, [1.0] * 4), scored(study(settings, [1.0] * 4)))}
    assert (found["t"].numeric, found["t"].levels) == (False, ("inf", "1", "3"))
    assert (found["w"].numeric, found["w"].log, found["w"].listed) == (True, False, True)
    space = {"u": {"words": ["u"], "interval": [0, 9], "log": False, "whole": True}, "n": {"strange": 1}}
    data = study(settings, [1.0] * 4, space, {"w": "category"})
    found = {one.name: one for one in axes(data, scored(data))}
    assert (found["u"].listed, found["n"].listed) == (False, True)
    assert (found["w"].numeric, found["w"].levels) == (False, ("0", "1.5", "4"))


def test_datasets_of_listed_mixes() -> None:
    """Where mixes differ by single datasets, what each adds; where two mixes differ by many, nothing."""
    names = ["cmb", "mlecqa", "nlpec"]
    bundle = {"only_" + name: ["+mix=full"] for name in names} | {"all": ["+mix=full"]}
    space = {"diversity": {"words": ["diversity"], "choices": list(bundle), "bundle": bundle}}
    random = np.random.default_rng(0)
    settings = [{"diversity": name} for name in bundle for _ in range(3)]
    data = study(settings, [float(random.normal(50, 1)) for _ in settings], space)
    trials = []
    for trial in data.trials:
        has = (
            names if trial.params["diversity"] == "all" else [trial.params["diversity"].removeprefix("only_")]
        )
        run, gain = trial.runs[0], 6.0 * ("cmb" in has)
        total = run.result.scores[SELECT].total + gain
        result = replace(
            run.result,
            drawn=[{"dataset": name, "records": int(name in has)} for name in names],
            scores={SELECT: replace(run.result.scores[SELECT], total=total)},
        )
        trials.append(replace(trial, runs=(replace(run, result=result),)))
    found = effects(replace(data, trials=tuple(trials)))
    cmb = of(found, "dataset cmb")
    assert {one.value: one.trials for one in cmb.levels} == {"with": 6, "without": 6}
    assert cmb.span == pytest.approx(6, abs=2) and cmb.p is not None and cmb.p < 0.01
    assert not [one for one in effects(made(exact=False)).effects if one.parameter.startswith("dataset")]


def test_interactions_are_tested_as_in_a_textbook() -> None:
    """Two factors of two levels, three trials each: the F test of the product is the square of a t test."""
    settings = [{"mix": mix, "epochs": ep} for mix in ("a", "b") for ep in (1, 3) for _ in range(3)]
    scores = [50.0, 51, 52, 55, 54, 56, 51, 50, 50, 62, 63, 61]
    (found,) = interactions(effects(study(settings, scores)))
    assert found.parameters == ("mix", "epochs")
    cells = np.array(scores).reshape(4, 3)
    within = cells.var(axis=1, ddof=1).mean()
    t = (cells.mean(axis=1) @ [1, -1, -1, 1]) / np.sqrt(within * 4 / 3)
    from scipy.stats import t as student

    assert found.p == pytest.approx(2 * student.sf(abs(t), 8))
    assert found.cells[("b", 3)] == (pytest.approx(62), 3)


def test_interactions_of_nothing_and_of_thirds() -> None:
    found = interactions(effects(made(trials=60, questions=560, states=False, exact=False, chat=None)))
    assert len(found) == 6 and all(one.p is not None and one.p > 0.01 for one in found)
    rate = next(one for one in found if one.parameters == ("cutoff", "lr"))
    assert len(rate.cells) == 9 and sum(count for _, count in rate.cells.values()) == 60
    grid = [{"cutoff": cut, "epochs": ep} for cut in CUT for ep in (1, 2, 3)][:8]
    (few,) = interactions(effects(study(grid, [50.0, 53, 51, 54, 55, 52, 50, 56])))
    assert (few.p, few.note) == (None, "the trials are too few to tell") and len(few.cells) == 8
    assert interactions(effects(made(trials=2, states=False, exact=False))) == ()


def test_importances_follow_what_matters() -> None:
    truth = {"epochs": {1: 0.0, 2: 8.0, 3: 16.0}, "cutoff": {256: 2.0, 512: 1.0, 1024: 0.0}}
    found = importances(effects(made(40, 2800, truth, states=False, exact=False, chat=None)))
    assert found[0].parameter == "epochs"
    assert all(0 <= one.low <= one.share <= one.high <= 1 for one in found)
    assert found[0].share > 0.7 and sum(one.share for one in found) < 1.05
    assert importances(effects(made(3, 56, states=False, exact=False))) == ()
    assert importances(effects(study([{"cutoff": 64}, {"cutoff": 128}] * 4, [50.0] * 8))) == ()


def test_the_largest_difference_allows_for_having_looked() -> None:
    found = effects(made(trials=20, questions=280, states=False, exact=False, chat=None))
    assert found.fit is not None and found.fit.left >= LEAST
    effect = of(found, "cutoff")
    apart, dimensions = extremes(found.fit, effect)
    assert dimensions == 2 and apart.value == pytest.approx(effect.span)
    best, worst = (pick(effect.levels, key=lambda one: one.mean).value for pick in (max, min))
    plain = found.fit.estimate(found.fit.row("cutoff", best) - found.fit.row("cutoff", worst))
    assert apart.low < plain.low and plain.high < apart.high
