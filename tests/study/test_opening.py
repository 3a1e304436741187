"""A study is resumed with what it was made with, and with nothing else."""

from dataclasses import replace

import optuna
import pytest
from omegaconf import OmegaConf

from csft.errors import CsftError, SettingError
from csft.study import opening, record
from csft.study.attributes import FAILURE, ORIGIN, OVERRIDES
from csft.study.opening import Queued, open_study
from csft.study.space import parse
from csft.study.storage import open_storage
from csft.study_config import Study

SETTINGS = Study(name="s")


@pytest.fixture
def storage(tmp_path):
    return open_storage(f"sqlite:///{tmp_path / 's.db'}", 60, create=True)


def rests_on(*words: str, **changed):
    space, _ = parse(words or ("cutoff=64,128",), {}, {})
    settings = {
        "epochs": 1.0,
        "lr": 1e-3,
        "train": {"batch": 8, "keep_checkpoints": 2},
        "output": "o",
    } | changed
    return record.record(OmegaConf.create(settings), space, ["score"], 1, "python -m csft.run")


def queue(*cutoffs: int) -> list[Queued]:
    return [Queued({"cutoff": cutoff}, "grid") for cutoff in cutoffs]


def test_what_was_queued_is_not_queued_twice(storage):
    study = open_study(SETTINGS, storage, rests_on(), queue(64, 128), 2)
    again = open_study(SETTINGS, storage, rests_on(), queue(64, 128, 256), 3)
    assert [one.system_attrs["fixed_params"]["cutoff"] for one in again.trials] == [64, 128, 256]
    assert study.trials[0].user_attrs[ORIGIN] == "grid"
    assert study.metric_names == ["score"] and study.direction.name == "MAXIMIZE"


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (rests_on("cutoff=64,256"), "search space"),
        (rests_on(epochs=2.0), r"setting epochs: 1.0 → 2.0"),
        (rests_on(train={"batch": 16, "keep_checkpoints": 2}), r"setting train.batch: 8 → 16"),
        (rests_on() | {"code": "other"}, "code of csft"),
        (rests_on() | {"objectives": ["chat_loss"]}, r"objectives"),
        (rests_on() | {"seeds": 3}, r"study.seeds: 1 → 3"),
        (rests_on() | {"libraries": {"torch": "1.0"}}, r"library torch: .* → 1.0"),
    ],
)
def test_a_study_made_with_something_else_is_refused_by_name(storage, now, told):
    open_study(SETTINGS, storage, rests_on(), queue(64), 1)
    with pytest.raises(CsftError, match=told) as raised:
        open_study(SETTINGS, storage, now, queue(64), 1)
    assert "study.fork=s" in str(raised.value)


@pytest.mark.parametrize("same", [{"output": "elsewhere"}, {"train": {"batch": 8, "keep_checkpoints": 5}}])
def test_what_decides_no_result_may_change(storage, same):
    study = open_study(SETTINGS, storage, rests_on(), [], 1)
    again = open_study(SETTINGS, storage, rests_on(**same), [], 1)
    assert again.study_name == study.study_name and len(optuna.get_all_study_names(storage)) == 1


def test_a_study_of_other_software_is_not_touched(storage):
    theirs = optuna.create_study(storage=storage, study_name="s")
    theirs.enqueue_trial({"x": 1})
    with pytest.raises(CsftError, match="other software"):
        open_study(SETTINGS, storage, rests_on(), queue(64), 1)
    assert len(theirs.trials) == 1


def test_a_command_killed_while_making_the_study_is_made_good(storage):
    optuna.create_study(storage=storage, study_name="s", direction="maximize")
    study = open_study(SETTINGS, storage, rests_on(), queue(64), 1)
    assert record.stored_record(study.user_attrs) == rests_on()


def test_failed_trials_are_tried_once_more_where_asked(storage):
    study = open_study(SETTINGS, storage, rests_on(), queue(64), 1)
    trial = study.ask()
    trial.set_user_attr(FAILURE, {"reason": "error", "kind": "OSError", "message": "disk full"})
    study.tell(trial, state=optuna.trial.TrialState.FAIL)
    assert not opening.standing(open_study(SETTINGS, storage, rests_on(), queue(64), 1), 3).waiting
    again = opening.standing(
        open_study(replace(SETTINGS, retry_failed=True), storage, rests_on(), queue(64), 1), 3
    )
    assert len(again.waiting) == 1 and not again.failed


def test_a_fork_takes_the_settings_of_another_study(storage):
    study = open_study(SETTINGS, storage, rests_on(), queue(64, 128), 2)
    for value in (1.0, None):
        trial = study.ask()
        trial.set_user_attr(OVERRIDES, [f"cutoff={trial.suggest_int('cutoff', 1, 512)}"])
        if value is None:
            trial.set_user_attr(FAILURE, {"reason": "error"})
        study.tell(trial, value, state=None if value else optuna.trial.TrialState.FAIL)
    assert opening.fork_words(Study(name="t", fork="s"), storage) == [["cutoff=64"]]
    with pytest.raises(SettingError, match=r"study\.fork=nowhere.*Allowed: s"):
        opening.fork_words(Study(name="t", fork="nowhere"), storage)


def test_changed_inputs_are_named():
    parts = {"data": {"cmb": "1", "cmid": "2"}, "exams": {"select": "3"}, "held_out": "4", "model": "5"}
    space, _ = parse(("cutoff=64,128",), {}, {})
    before = record.inputs(parts, space)
    assert record.changed(before, before) is None
    bundled, _ = parse((), {"size": {"small": "model=sample", "large": "model=scratch"}}, {})
    assert "model" in before and "model" not in record.inputs(parts, bundled)  # it is the study's to vary
    now = record.inputs(parts | {"data": {"cmb": "9", "headqa": "8"}}, space)
    assert "data of cmb" in record.changed(before, now) and "headqa" not in record.changed(before, now)
