"""The winner against its rivals: against other ways of computing it, and where nothing differs."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from made_data import ORIGIN, PAPER, made
from statsmodels.stats.multitest import multipletests

from csft.cmb import SUB_EXAMS
from csft.exam.comparison import weigh
from csft.report.analysis import BETTER, UNDECIDED, WORSE, Winner
from csft.report.analysis.holm import holm
from csft.report.analysis.pairing import difference, flip_p, right_of, share, sub_exams
from csft.report.analysis.papers_setting import departures, paper_trial
from csft.report.analysis.significance import against_all, standing
from csft.report.study_data import SELECT, TEST, StudyData


def won(data: StudyData) -> Winner:
    found = against_all(data)
    assert found is not None
    return found


def marks(seed: int, *shares: float, questions: int = 60) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.array([random.random(questions) < share for share in shares])


@pytest.mark.parametrize("seed", range(3))
def test_with_one_seed_it_is_mcnemars(seed: int) -> None:
    a, b = marks(seed, 0.5), marks(seed + 9, 0.7)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    assert difference(a, b) == weigh(60, int((a & b).sum()), only_a, only_b)
    d_Q = b[0].astype(int) - a[0].astype(int)
    assert flip_p(d_Q) == pytest.approx(difference(a, b).p, rel=1e-9)


@pytest.mark.parametrize(
    "d", [[3, -1, 2, 2, -3, 0, 1, 1], [4, 4, 4, -1], [1, -1], [0, 0], [6, 5, 3, 2, 1, 1, 4]]
)
def test_flips_are_counted_one_by_one(d: list[int]) -> None:
    sums = [
        abs(sum(sign * one for sign, one in zip(signs, d, strict=True)))
        for signs in product((1, -1), repeat=len(d))
    ]
    by_hand = sum(one >= abs(sum(d)) for one in sums) / len(sums)
    assert flip_p(np.array(d)) == pytest.approx(by_hand)
    assert flip_p(-np.array(d)) == pytest.approx(by_hand)


def test_several_seeds_count_as_their_mean() -> None:
    a, b = marks(1, 0.5, 0.5, 0.5), marks(2, 0.7, 0.7)
    found, other = difference(a, b), difference(b, a)
    assert found.percent_a == pytest.approx(100 * a.mean())
    assert found.difference == pytest.approx(100 * (b.mean() - a.mean())) == -other.difference
    assert found.low < found.difference < found.high
    assert found.p == pytest.approx(other.p)
    assert (found.only_a, found.only_b) == (other.only_b, other.only_a)
    twice = difference(
        np.repeat(a[:1], 2, axis=0), np.repeat(b[:1], 3, axis=0)
    )  # seeds that agree add nothing
    once = difference(a[:1], b[:1])
    assert (twice.difference, twice.p, twice.only_a) == pytest.approx((once.difference, once.p, once.only_a))
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), abs=0.7)
    assert twice.detectable == pytest.approx(once.detectable)


def test_shares_over_seeds() -> None:
    one = marks(3, 0.6)
    assert share(np.repeat(one, 2, axis=0)).low == pytest.approx(share(one).low)
    uneven = share(np.array([[True, False, False], [True, True, False]]))
    assert uneven.percent == pytest.approx(50)
    assert 0 < uneven.low < 50 < uneven.high < 100


@pytest.mark.parametrize("p", [[0.01, 0.04, 0.03, 0.5], [0.9, 0.2], [0.03], [], [0.02, 0.02, 0.02]])
def test_holm(p: list[float]) -> None:
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1] if p else [])
    unseen = [*p, *[1.0] * (10 - len(p))]
    assert holm(p, 10) == pytest.approx(multipletests(unseen, method="holm")[1][: len(p)])


def test_rivals_are_paired_and_signed_for_the_winner() -> None:
    data = made(trials=12, questions=560)
    found = won(data)
    assert found.trial == data.best[0]
    assert {one.trial for one in found.rivals if one.split == TEST} == {
        one.number for one in data.finished if one.number != found.trial
    }
    for one in (*found.rivals, *found.base.values()):
        a = data.marks[one.split].of(data.trial(one.trial)) if one.trial is not None else None
        a = data.marks[one.split].base_of(data.trial(found.trial)) if a is None else a
        b = data.marks[one.split].of(data.trial(found.trial))
        assert a is not None and b is not None
        assert (one.difference.only_a, one.difference.only_b) == ((a & ~b).sum(), (b & ~a).sum())
        assert one.p >= one.difference.p
        assert (one.standing == BETTER) == (one.p < 0.05 and one.difference.difference > 0)
    scores = data.trial(found.trial).scores(TEST)
    assert scores is not None
    assert found.scores[TEST] == scores.figures["total"]
    assert found.base[TEST].standing == BETTER and found.base[TEST].trial is None


def test_select_allows_for_any_trial_having_won() -> None:
    found = won(made(trials=9, questions=280, states=False, exact=False, effects={}))
    for split in (TEST, SELECT):
        others = [one for one in found.rivals if one.split == split and one not in found.paper.values()]
        smallest = min(others, key=lambda one: one.difference.p)
        tests = 9 * 8 // 2 if split == SELECT else len(others)
        assert smallest.p == pytest.approx(min(1, tests * smallest.difference.p))
    for split, could_win in ((TEST, 1), (SELECT, 9)):
        asked = [one[split] for one in (found.base, found.paper) if split in one]
        smallest = min(asked, key=lambda one: one.difference.p)
        assert smallest.p == pytest.approx(min(1, len(asked) * could_win * smallest.difference.p))


def test_the_papers_setting() -> None:
    data = made(trials=6, states=False, exact=False)
    trial = paper_trial(data)
    assert trial is not None and trial.number == 0 and departures(trial) == ()
    found = won(data)
    assert found.paper_trial == 0
    assert found.paper[TEST] in found.rivals
    assert found.paper[TEST].name == "the paper's setting (trial 0)"
    assert set(found.sub_exams) == {(who, split) for who in ("base", "paper") for split in (SELECT, TEST)}

    unmarked = replace(data, trials=tuple(replace(one, origin="") for one in data.trials))
    assert paper_trial(unmarked) == unmarked.trials[0]  # by its settings
    without = replace(unmarked, trials=unmarked.trials[1:])
    assert paper_trial(without) is None
    assert won(without).paper == {} and won(without).paper_trial is None


def test_a_setting_that_stands_for_the_papers() -> None:
    data = made(settings=[{**PAPER, "cutoff": 512}, {**PAPER, "cutoff": 256}], states=False, exact=False)
    near = replace(data.trials[0], origin=f"{ORIGIN}; cutoff=1024 is not in this space; 512 is taken")
    found = won(replace(data, trials=(near, data.trials[1]), best=(1,)))
    assert found.paper[TEST].name == "the setting nearest to the paper's (trial 0)"
    assert departures(near) == ("cutoff 512 instead of 1024",)


def test_sub_exams_add_up_to_the_whole() -> None:
    a, b = marks(4, 0.4, questions=280), marks(5, 0.6, questions=280)
    of_Q = (np.arange(280) % 28).astype(np.int16)
    found = sub_exams(a, b, of_Q)
    assert list(found) == [sub.key for sub in SUB_EXAMS]
    assert sum(one.only_b for one in found.values()) == difference(a, b).only_b
    assert all(one.p_fdr is not None and one.p_fdr >= one.p for one in found.values())


def test_what_only_some_answered() -> None:
    """A trial whose answers on a split are not there is compared on the other alone."""
    data = made(trials=4, states=False, exact=False)
    loser = next(one.number for one in data.finished if one.number not in data.best)
    test = data.marks[TEST]
    fewer = replace(test, rows={key: row for key, row in test.rows.items() if key[0] != loser})
    found = won(replace(data, marks={**data.marks, TEST: fewer}))
    assert [one.split for one in found.rivals if one.trial == loser] == [SELECT]
    assert won(replace(data, marks={SELECT: data.marks[SELECT]})).scores.keys() == {SELECT}


def test_alone_and_nobody() -> None:
    assert won(made(trials=1)).rivals == ()
    nobody = made(trials=3)
    assert against_all(replace(nobody, best=())) is None
    assert right_of(nobody.marks[TEST], replace(nobody.trials[0], runs=())) is None


def test_a_standing_needs_p_and_interval() -> None:
    clear = weigh(200, 50, 10, 60)
    assert standing(clear, 0.001) == BETTER
    assert standing(clear, 0.06) == UNDECIDED
    assert (
        standing(replace(clear, difference=-clear.difference, low=-clear.high, high=-clear.low), 0.001)
        == WORSE
    )
    assert standing(replace(clear, low=-0.1), 0.001) == UNDECIDED


@pytest.mark.parametrize("seeds, studies, most", [(1, 40, 6), (2, 20, 4)])
def test_where_nothing_differs_hardly_any_study_finds_something(
    seeds: int, studies: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two families at 5 % each hardly ever call a rival in more than `most` studies. p alone has to."""
    monkeypatch.setattr("csft.exam.comparison._interval", lambda *_: (1.0, 1.0))
    monkeypatch.setattr("csft.report.analysis.pairing._interval", lambda *_: (1.0, 1.0))
    monkeypatch.setattr("csft.report.analysis.significance.sub_exams", lambda *_: {})
    called = {SELECT: 0, TEST: 0}
    for seed in range(studies):
        found = won(made(8, 140, effects={}, seed=seed, states=False, chat=None, exact=False, seeds=seeds))
        for split in called:
            called[split] += any(one.standing != UNDECIDED for one in found.rivals if one.split == split)
    assert max(called.values()) <= most
