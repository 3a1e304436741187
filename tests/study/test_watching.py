"""What Optuna hears of a trial while it runs, and when the trial is given up."""

import optuna
import pytest

from csft.errors import PrunedError, TimeLimitError
from csft.exam import Prediction
from csft.study import watching
from csft.study.attributes import FOLDERS, PROGRESS, PRUNED, SPENT
from csft.study.pruners import make_pruner
from csft.study.watching import MEAN, StudyWatch
from csft.study_config import Limits, Pruner, Study


class Total:
    """As much of an exam's scores as is looked at."""

    def __init__(self, total: float) -> None:
        self.total = total


def begin(pruner: Pruner, **settings):
    study = optuna.create_study(direction="maximize", pruner=make_pruner(pruner))
    return study, Study(pruner=pruner, **settings)


def answers(right: bool, ids):
    letter = "A" if right else "B"
    return [Prediction(id=number, letters=letter, correct=right, text="", logprobs={}) for number in ids]


def test_a_trial_below_the_median_of_the_others_is_given_up():
    study, settings = begin(Pruner(kind="median", startup=2, every=0.5))
    for score in (40.0, 50.0):
        watch = StudyWatch(trial := study.ask(), settings)
        assert watch.every == 0.5 and watch.rounds == 1
        watch.scored(1, 0.5, Total(score))
        watch.finished(score + 1)
        study.tell(trial, score + 1)
    watch = StudyWatch(trial := study.ask(), settings)
    with pytest.raises(PrunedError, match=r"epoch 0.5: 44.0 %"):
        watch.scored(1, 0.5, Total(44.0))
    assert study.trials[2].user_attrs[PRUNED] == {"epoch": 0.5, "score": 44.0}
    assert study.trials[0].intermediate_values == {1: 40.0, 2: 41.0}  # the curve ends with the score


def test_a_trial_whose_answers_are_worse_is_given_up_in_the_middle_of_an_exam():
    study, settings = begin(Pruner(kind="wilcoxon", questions=50))
    watch = StudyWatch(trial := study.ask(), settings)
    assert watch.rounds == watching.ROUNDS
    for rung in (1, None):
        watch.asked(rung, 100)
        watch.answered(rung, [], answers(True, range(100, 0, -1)))  # the order of batches does not matter
    watch.finished(100.0)
    study.tell(trial, 100.0)
    watch = StudyWatch(study.ask(), settings)
    watch.asked(1, 100)
    watch.answered(1, [], answers(False, range(90, 60, -1)))  # too few to say
    watch.answered(1, [], answers(False, range(60, 41, -1)))
    with pytest.raises(PrunedError, match=r"0.0 % of the first 53 of 100 questions of select"):
        watch.answered(1, [], answers(False, range(41, 37, -1)))
    assert study.trials[1].user_attrs[PRUNED] == {
        "epoch": 0.0,
        "score": 0.0,
        "answered": 53,
        "questions": 100,
    }
    reported = study.trials[1].intermediate_values
    assert len(reported) == 54 and reported[MEAN] == 0.0
    assert reported.keys() <= study.trials[0].intermediate_values.keys()


def test_answers_are_compared_where_a_round_ends_and_never_after_the_last(monkeypatch):
    study, settings = begin(Pruner(kind="wilcoxon"))
    watch = StudyWatch(trial := study.ask(), settings)
    looks = []
    monkeypatch.setattr(trial, "should_prune", lambda: looks.append(watch._asked) is not None)
    for rung, whole in ((1, [26]), (None, [])):  # at the end of an exam during training there is work to save
        looks.clear()
        watch.asked(rung, 26)
        for number in range(1, 27):
            watch.answered(rung, [], answers(False, [number]))
        assert looks == [4, 8, 11, 14, 17, 20, 23, *whole]


def test_as_good_answers_are_not_given_up():
    study, settings = begin(Pruner(kind="wilcoxon", questions=50))
    for shift in (0, 1):
        watch = StudyWatch(trial := study.ask(), settings)
        watch.asked(None, 100)
        for number in range(1, 101):
            watch.answered(None, [], answers((number + shift) % 2 == 0, [number]))
        watch.finished(50.0)
        study.tell(trial, 50.0)
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 2


def test_each_trial_of_a_pack_is_judged_by_its_own_answers():
    study, settings = begin(Pruner(kind="wilcoxon", questions=20))
    first = StudyWatch(trial := study.ask(), settings)
    first.asked(None, 80)
    first.answered(None, [], answers(True, range(80)))
    study.tell(trial, 100.0)
    good, bad = (StudyWatch(study.ask(), settings) for _ in range(2))
    for watch in (good, bad):
        watch.asked(None, 80)
    for start in range(0, 40, 10):  # in turns, as a pack is asked
        good.answered(None, [], answers(True, range(start, start + 10)))
        if start < 10:
            bad.answered(None, [], answers(False, range(start, start + 10)))
        elif start == 10:
            with pytest.raises(PrunedError, match="first 20 of 80"):
                bad.answered(None, [], answers(False, range(start, start + 10)))
    assert PRUNED in study.trials[2].user_attrs and PRUNED not in study.trials[1].user_attrs


def test_without_a_pruner_and_in_further_runs_nothing_is_judged():
    study, settings = begin(Pruner(kind="none"))
    assert StudyWatch(study.ask(), settings).every is None
    study, settings = begin(Pruner(kind="median", startup=0))
    watch = StudyWatch(study.ask(), settings, run=1)
    watch.scored(1, 1.0, Total(0.0))
    assert watch.every is None and not study.trials[0].intermediate_values


def test_epochs_that_others_trained_are_not_spent():
    study, settings = begin(Pruner(kind="none"))
    watch = StudyWatch(study.ask(), settings)
    watch.scored(2, 1.0, Total(0.0))
    watch.finished(1.0)
    assert study.trials[0].user_attrs[SPENT]["epochs"] == 0
    watch.updated(11, 20, 1.1)
    watch.finished(1.0)
    assert study.trials[0].user_attrs[SPENT]["epochs"] == pytest.approx(0.1)


def test_a_trial_past_its_time_ends_and_what_it_spent_is_kept(tmp_path, monkeypatch):
    study, settings = begin(Pruner(kind="none"), limits=Limits(minutes=2))
    clock = [0.0]
    for name in ("monotonic", "perf_counter"):
        monkeypatch.setattr(watching.time, name, lambda: clock[0])
    watch = StudyWatch(study.ask(), settings)
    watch.began(tmp_path / "one", 100)
    watch.began(tmp_path / "one", 100)
    watch.stage("training")
    clock[0] = 60.0
    watch.updated(21, 100, 0.63)  # it went on after update 20
    clock[0] = 90.0
    watch.updated(31, 100, 0.93)
    told = study.trials[0].user_attrs
    assert told[FOLDERS] == [str(tmp_path / "one")]
    assert told[PROGRESS] | {"seconds_left": 0} == {
        "run": 1, "runs": 1, "stage": "training", "updates": 31, "of": 100, "seconds_left": 0,
    }  # fmt: skip
    assert told[PROGRESS]["seconds_left"] == pytest.approx(30 / 11 * 69, abs=0.1)
    assert told[SPENT] == {"hours": pytest.approx(90 / 3600), "epochs": pytest.approx(0.93 - 0.6)}
    clock[0] = 121.0
    with pytest.raises(TimeLimitError, match=r"study\.limits\.minutes=2"):
        watch.updated(32, 100, 0.96)
