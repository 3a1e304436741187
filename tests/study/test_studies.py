"""Real multiruns in subprocesses: what they leave in the database, on the terminal and in run folders."""

import sys
from pathlib import Path

import pytest
from command import run

sys.path.insert(0, str(Path(__file__).parent))
from real_studies import QUICK, counts, load, values

from csft.study import ledger
from csft.study.attributes import FAILURE, FOLDERS, OVERRIDES, PRUNED, REUSED, SCORES, SPENT, SUMMARY
from csft.track import RunFolder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return tmp_path_factory.mktemp("output")


def study(*words, output, cache):
    done = run("-m", *QUICK, *words, output=output, cache=cache)
    assert done.status == 0, done.err[-3000:] + done.out[-2000:]
    return done


@pytest.fixture(scope="module")
def grid(output, cache):
    return study("cutoff=48,64", "lr=1e-3,2e-3", "study.name=grid", output=output, cache=cache)


def test_a_grid_is_run_once_each_and_told(grid, output):
    done = load(output, "grid")
    known = counts(done)
    assert len(done.trials) == len(known.complete) == 4
    assert {key for one in known.complete for key in one.params} == {"cutoff", "lr"}
    for trial in known.complete:
        folder = RunFolder(trial.user_attrs[FOLDERS][0])
        assert trial.value == folder.result()["objective"] == trial.user_attrs[SCORES][0]
        assert trial.user_attrs[SUMMARY]["cmb/select/total"] == trial.value
        assert trial.user_attrs[SPENT]["epochs"] == pytest.approx(1)
        assert trial.user_attrs[SPENT]["hours"] > 0
        assert f"cutoff={trial.params['cutoff']}" in trial.user_attrs[OVERRIDES]
    assert "4 finished" in grid.out and "python -m csft.study export study=grid" in grid.out


def test_more_trials_are_added_and_equal_ones_reused(grid, output, cache):
    before = values(load(output, "grid"))
    again = study("cutoff=48,64", "lr=1e-3,2e-3", "study.name=grid", output=output, cache=cache)
    assert values(load(output, "grid")) == before and len(load(output, "grid").trials) == 4
    assert "4 done before" in again.out
    forked = study(
        "cutoff=48,64,80", "lr=2e-3", "study.name=forked", "study.fork=grid", output=output, cache=cache
    )
    known = counts(load(output, "forked"))
    reused = [one for one in known.complete if one.user_attrs[REUSED]]
    assert len(known.complete) == 3 and len(reused) == 2, forked.out
    for one in reused:
        assert one.value == before[tuple(sorted({**one.params, "lr": 2e-3}.items()))]


def test_the_exported_command_gives_the_same_trial(grid, output, cache):
    best = load(output, "grid").best_trial
    alone = run(*best.user_attrs[OVERRIDES], output=output, cache=cache)
    assert "its result is reused" in alone.out


def test_failures_are_results(output, cache):
    cases = {
        "fine": "lr=2e-3",
        "nan": "lr=1e30",
        "large": "model=scratch model.path=sample model.shape.hidden=65536 model.shape.intermediate=262144",
        "nothing": "cutoff=1",
        "also_fine": "lr=1e-3",
        "nan_again": "lr=1e29",
    }
    bundle = "{" + ",".join(f"{name}:'{words}'" for name, words in cases.items()) + "}"
    done = study(f"+hydra.sweeper.params.case={bundle}", "study.name=failing", output=output, cache=cache)
    known = counts(load(output, "failing"))
    reasons = {one.params["case"]: ledger.reason(one) for one in known.failed}
    assert reasons == {
        "nan": "diverged",
        "nan_again": "diverged",
        "large": "out of memory",
        "nothing": "error",
    }
    assert {one.params["case"] for one in known.complete} == {"fine", "also_fine"}
    diverged = next(one for one in known.failed if one.params["case"] == "nan")
    assert diverged.user_attrs[FAILURE]["update"] >= 1
    assert "2 failed: diverged" in done.out and "1 failed: out of memory" in done.out


def test_a_study_that_fails_from_the_start_stops_with_the_reason(output, cache):
    done = run(
        "-m", *QUICK, "cutoff=1", "lr=1e-3,2e-3,3e-3,4e-3", "study.name=blown", output=output, cache=cache
    )
    assert done.status == 1
    assert "the first 3 trials all failed" in done.err and "cutoff=1 cannot be used" in done.err
    assert len(counts(load(output, "blown")).waiting) == 1


def test_a_time_limit_ends_a_trial(output, cache):
    done = study(
        "cutoff=64", "epochs=400", "study.limits.minutes=0.1", "study.name=late", output=output, cache=cache
    )
    (failed,) = counts(load(output, "late")).failed
    assert ledger.reason(failed) == "time limit" and "study.limits.minutes=0.1" in done.out
    assert 0 < failed.user_attrs[SPENT]["epochs"] < 400


def test_pruning_saves_work_and_finds_the_same_best(output, cache):
    quick = [*QUICK, "lr=2e-3,4e-3,1e-6,2e-6", "epochs=4"]
    spent, best = {}, {}
    for pruner in ("none", "median"):
        done = run(
            "-m", *quick, f"pruner={pruner}", "study.pruner.startup=2",
            f"study.name=pruned_{pruner}", "exam.per_sub_exam=2", output=output, cache=cache,
        )  # fmt: skip
        assert done.status == 0, done.err[-2000:]
        known = counts(load(output, f"pruned_{pruner}"))
        spent[pruner], best[pruner] = known.epochs, load(output, f"pruned_{pruner}").best_trial
        if pruner == "median":
            assert known.pruned and all(one.user_attrs[PRUNED]["epoch"] < 4 for one in known.pruned)
            assert all(not Path(one.user_attrs[FOLDERS][0], "checkpoints").exists() for one in known.pruned)
    assert spent["median"] < spent["none"] == 16
    assert best["median"].params == best["none"].params and best["median"].value == best["none"].value


def test_several_objectives_seeds_and_constraints(output, cache):
    study(
        "cutoff=64",
        "study.seeds=2",
        "chat.dialogues=1",
        "chat.answers=1",
        "chat.max_new_tokens=4",
        "study.objectives=[score,chat_loss,gpu_hours]",
        "study.limits.memory_gb=0.001",
        "study.name=several",
        output=output,
        cache=cache,
    )
    done = load(output, "several")
    assert done.metric_names == ["score", "chat_loss", "gpu_hours"]
    assert [one.name for one in done.directions] == ["MAXIMIZE", "MINIMIZE", "MINIMIZE"]
    (trial,) = counts(done).complete
    assert len(trial.values) == 3 and trial.values[2] > 0
    assert any(name.endswith("memory_gb") and over > 0 for name, over in trial.system_attrs.items())
    assert trial.values[0] == sum(trial.user_attrs[SCORES]) / 2
    assert [RunFolder(folder).config["seed"] for folder in trial.user_attrs[FOLDERS]] == [42, 43]
