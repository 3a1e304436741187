"""What samplers propose: values of the space alone, listed ones about equally often, nothing twice."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import optuna
import pytest

from csft.errors import SettingError
from csft.study import samplers
from csft.study.samplers import make_sampler, resolve
from csft.study.space import Space, parse
from csft.study_config import Sampler

KINDS = ["random", "tpe", "gp", "cmaes", "qmc", "nsgaii"]
LISTED = {"cutoff": "64,128,256,512,1024", "tune.alpha": "1,2,4,8", "mix.datasets.cmb": "0,1,2,3.5"}
LORA = {"tune=lora": {"tune.rank": "4,8,16,32", "lr": "tag(log, interval(1e-4, 1e-2))"}}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def space(params: Any, when: Any = None) -> Space:
    return parse(["+mix=full"], params, when or {})[0]


def study(
    searched: Space, kind: str, *, objectives: int = 1, storage: Any = None, **more: Any
) -> optuna.Study:
    settings = Sampler(kind=kind, **{"startup": 4, "population": 4, **more})
    return optuna.create_study(
        sampler=make_sampler(settings, searched, objectives),
        directions=["maximize"] * objectives,
        storage=storage,
        study_name="one",
        load_if_exists=True,
    )


def run(searched: Space, of: optuna.Study, trials: int) -> list[dict[str, Any]]:
    """The best is cutoff=256 at lr=1e-3."""

    def score(trial: optuna.Trial) -> Any:
        given = dict(word.split("=") for word in searched.suggest(trial))
        value = -abs(math.log(float(given.get("cutoff", 256)) / 256))
        value -= abs(math.log(float(given.get("lr", 1e-3)) / 1e-3))
        return value if len(of.directions) == 1 else (value, -value)

    of.optimize(score, n_trials=trials)
    return [trial.params for trial in of.trials]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_stored_is_in_the_space(kind: str) -> None:
    everything = {**LISTED, "tune": "full,lora", "lr": "interval(1e-5, 1e-3)"}
    few = {"cutoff": LISTED["cutoff"], "lr": "interval(1e-5, 1e-3)"}  # a Gaussian process takes its time
    searched = space(few) if kind == "gp" else space(everything, LORA)
    drawn = run(searched, study(searched, kind), 6)
    for params in drawn:
        for name, value in params.items():
            domain = searched.named(name).domain
            values = domain.values()
            assert values is None or value in values
            assert domain.snap(value) == value
    assert len({params["cutoff"] for params in drawn}) > 1


def test_listed_numbers_are_about_equally_likely() -> None:
    searched = space({**LISTED, "lr": "interval(1e-5, 1e-3)"})  # not finite: each by itself
    drawn = run(searched, study(searched, "random"), 1200)
    for name, least in [("cutoff", 0.8), ("tune.alpha", 0.8), ("mix.datasets.cmb", 0.75)]:
        counts = Counter(params[name] for params in drawn)
        values = searched.named(name).domain.values() or ()
        assert set(counts) == set(values)
        assert min(counts.values()) > least * 1200 / len(values)


@pytest.mark.parametrize("kind", ["random", "tpe", "cmaes", "qmc", "nsgaii"])
def test_a_finite_space_is_gone_through_without_doubles(kind: str) -> None:
    searched = space(
        {"cutoff": "64,128,256,512", "tune": "full,lora"}, {"tune=lora": {"tune.rank": "8,16,32"}}
    )
    size = searched.size()
    assert size == 16
    drawn = run(searched, study(searched, kind), size)
    assert len({str(sorted(params.items())) for params in drawn}) == size
    assert len(run(searched, study(searched, kind), size + 1)) == size + 1


def test_what_failed_or_is_queued_is_not_proposed_again() -> None:
    searched = space({"cutoff": "64,128,256"})
    of = study(searched, "tpe")
    of.enqueue_trial({"cutoff": 64})
    of.enqueue_trial({"cutoff": 128})
    of.tell(of.ask(), state=optuna.trial.TrialState.FAIL)  # before it said a word
    of.ask()
    assert searched.suggest(of.ask()) == ["cutoff=256"]


@pytest.mark.parametrize("kind", ["random", "tpe", "cmaes", "qmc"])
def test_proposals_depend_on_no_restart(kind: str) -> None:
    searched = space({**LISTED, "lr": "tag(log, interval(1e-5, 1e-2))"})
    at_once = run(searched, study(searched, kind), 12)
    storage = optuna.storages.InMemoryStorage()
    for _ in range(4):
        drawn = run(searched, study(searched, kind, storage=storage), 3)
    assert drawn == at_once
    other = run(searched, study(searched, kind, seed=7), 12)
    assert other != at_once
    assert len({str(params) for params in at_once}) == 12


def test_tpe_learns_of_cells_and_conditions() -> None:
    searched = space(
        {"cutoff": LISTED["cutoff"], "tune": "full,lora", "lr": "tag(log, interval(1e-5, 1e-2))"}, LORA
    )
    drawn = run(searched, study(searched, "tpe", startup=10), 50)
    late = Counter(params["cutoff"] for params in drawn[25:])
    assert late.most_common(1)[0][0] == 256
    assert late[256] > 10


def test_hyperband_and_several_objectives_reach_the_sampler() -> None:
    searched = space({"cutoff": LISTED["cutoff"], "lr": "tag(log, interval(1e-5, 1e-2))"})
    of = study(searched, "tpe")
    of.pruner = optuna.pruners.HyperbandPruner(max_resource=9)
    assert len(run(searched, of, 8)) == 8
    for kind in ("tpe", "gp", "nsgaii", "random", "qmc"):
        assert len(run(searched, study(searched, kind, objectives=2), 5)) == 5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["auto", "grid", *KINDS])
def test_no_warning_of_optuna_reaches_the_user(kind: str) -> None:
    assert study(space({"cutoff": "64,128"}), kind).sampler is not None


@pytest.mark.parametrize(
    ("kind", "params", "n_trials", "expected", "why"),
    [
        ("auto", {"cutoff": "64,128,256"}, None, "grid", "3 settings, each once"),
        ("auto", {"cutoff": "64,128,256"}, 3, "grid", "3 settings"),
        ("auto", {"cutoff": "64,128,256"}, 2, "tpe", "3 settings"),
        ("auto", {"lr": "interval(1e-5,1e-3)"}, None, "tpe", "no end"),
        ("auto", {}, None, "grid", "1 settings"),
        ("grid", {"cutoff": "64,128"}, 1, "grid", "2 settings"),
        (
            "cmaes",
            {"cutoff": "64,128,256", "tune": "full,lora"},
            9,
            "cmaes",
            "drawn at random: tune, as cmaes",
        ),
    ],
)
def test_auto_is_a_grid_where_every_setting_has_its_turn(
    kind: str, params: Any, n_trials: int | None, expected: str, why: str
) -> None:
    found, reason = resolve(kind, space(params), n_trials)
    assert found == expected
    assert why in reason


@pytest.mark.parametrize("kind", ["gp", "cmaes", "qmc", "nsgaii"])
def test_what_a_sampler_cannot_do_is_said(kind: str) -> None:
    searched = space({"cutoff": LISTED["cutoff"], "tune": "full,lora"}, LORA)
    reason = resolve(kind, searched, 9, constrained=True)[1]
    assert "tune.rank, lr" in reason
    assert ("not learnt from" in reason) == (kind in ("cmaes", "qmc"))
    assert "parameter by parameter" in resolve("tpe", searched, 9, objectives=2)[1]


@pytest.mark.parametrize(
    ("kind", "params", "objectives", "told"),
    [
        ("grid", {"lr": "interval(1e-5,1e-3)", "cutoff": "1,2"}, 1, "lists of values instead of lr"),
        ("grid", {"seed": "range(500)", "cutoff": "range(1,100)"}, 1, "at most 10,000 settings; here 49,500"),
        ("cmaes", {"tune": "full,lora"}, 1, "where no number is in every trial"),
        ("cmaes", {"cutoff": "64,128"}, 2, "several objectives"),
    ],
)
def test_a_sampler_that_cannot_do_it_is_refused(kind: str, params: Any, objectives: int, told: str) -> None:
    with pytest.raises(SettingError, match=told):
        resolve(kind, space(params), None, objectives)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(samplers.PACKAGES, "cmaes", "a_package_that_is_not_there")
    with pytest.raises(SettingError, match="pip install a_package_that_is_not_there"):
        make_sampler(Sampler(kind="cmaes"), space({"cutoff": "64,128"}), 1)


def test_constraints_are_learnt_from() -> None:
    searched = space({"lr": "tag(log, interval(1e-5, 1e-2))"})

    def allowed(limit: float) -> int:
        """Of the later proposals, those below 1e-4, where higher rates score better."""
        of = study(searched, "tpe", startup=8)

        def score(trial: optuna.Trial) -> float:
            searched.suggest(trial)
            trial.set_constraint("rate", trial.params["lr"] - limit)
            return float(trial.params["lr"])

        of.optimize(score, n_trials=50)
        assert of.best_trial.params["lr"] <= limit
        return sum(trial.params["lr"] <= 1e-4 for trial in of.trials[20:])

    assert allowed(1e-4) > 2 * allowed(1.0)
