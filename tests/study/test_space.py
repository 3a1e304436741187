"""What sweep syntax means as a search space, and what is refused before a trial starts."""

import json
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from csft import compose
from csft.errors import DataError, SettingError, UnknownSettingError
from csft.study.space import Space, parse

LORA = {
    "params": {"+mix": "full", "tune": "full,lora", "lr": "tag(log, interval(1e-5, 1e-3))"},
    "when": {
        "tune=lora": {
            "tune.rank": "8,16,32",
            "tune.targets": "linear,attention",
            "lr": "tag(log, interval(1e-4, 1e-2))",
        },
        "tune=lora, tune.targets=attention": {"tune.dropout": 0.1},
    },
}
NAMED = {
    "diversity": {
        "all": "+mix=full",
        "without_cmb": "+mix=full mix.datasets.cmb=0",
        "only_cmb": "+mix.datasets.cmb=1",
    }
}
SHARED = {
    "+mix": "full",
    "weight": {"settings": ["mix.datasets.cmb", "mix.datasets.cmid"], "values": "0,1,4"},
}


def space(*words: str, params: Any = None, when: Any = None) -> Space:
    return parse(words, params or {}, when or {})[0]


def draw(searched: Space, seed: int = 0) -> optuna.Trial:
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed)).ask()


@pytest.mark.parametrize(
    ("word", "values", "distribution"),
    [
        ("cutoff=128,256,384", (128, 256, 384), IntDistribution(128, 384, step=128)),
        ("cutoff=64,128,256,512,1024", (64, 128, 256, 512, 1024), IntDistribution(46, 1448, log=True)),
        ("tune.rank=1,2,4,8", (1.0, 2.0, 4.0, 8.0), FloatDistribution(2**-0.5, 8 * 2**0.5, log=True)),
        ("mix.datasets.cmb=0,1,4", (0.0, 1.0, 4.0), FloatDistribution(-0.5, 5.5)),
        ("tune.dropout=0.1,0.2", (0.1, 0.2), FloatDistribution(0.05, 0.25)),
        ("epochs=choice(3)", (3,), IntDistribution(3, 3)),
        ("epochs=range(0.1,0.4,0.1)", (0.1, 0.2, 0.3), FloatDistribution(0.05, 0.35)),
        ("seed=range(3)", (0, 1, 2), IntDistribution(0, 2)),
        ("cutoff=sort(512,64,128)", (64, 128, 512), None),
        ("lr=interval(1e-5,1e-3)", None, FloatDistribution(1e-5, 1e-3)),
        ("lr=tag(log,interval(1e-5,1e-3))", None, FloatDistribution(1e-5, 1e-3, log=True)),
        ("tune.rank=tag(log,interval(4,64))", None, IntDistribution(4, 64, log=True)),
        ("epochs=int(interval(1,5))", None, IntDistribution(1, 5)),
        ("tune=glob(*)", ("full", "lora", "qlora"), CategoricalDistribution(("full", "lora", "qlora"))),
        ("mix.temperature=1,3,inf", ("1", "3", "inf"), CategoricalDistribution(("1", "3", "inf"))),
        ("train.save=true,false", ("true", "false"), CategoricalDistribution(("true", "false"))),
        ("train.checkpoint_minutes=null,5", ("null", "5"), CategoricalDistribution(("null", "5"))),
        ("mix.languages=[zh],[en,zh]", ("[zh]", "[en,zh]"), CategoricalDistribution(("[zh]", "[en,zh]"))),
    ],
)
def test_a_word_is_a_domain_of_its_type(word: str, values: Any, distribution: Any) -> None:
    (parameter,) = space("+mix=full", word).parameters
    assert parameter.domain.values() == values
    if distribution is not None:
        found = parameter.domain.distribution()
        assert type(found) is type(distribution)
        for what, value in distribution._asdict().items():
            assert found._asdict()[what] == (pytest.approx(value) if what in ("low", "high") else value)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("cutof=1,2", "Did you mean cutoff?"),
        ("tune.rnk=1,2", "Did you mean tune.rank"),
        ("train=1,2", "one of the settings in it: train.batch"),
        ("lr=interval(1e-3,1e-3)", "low below high"),
        ("lr=interval(1e-3,1e-5)", "low below high"),
        ("tune.rank=interval(8.2,8.9)", "whole numbers between them"),
        ("lr=interval(0,inf)", "two finite numbers"),
        ("mix.datasets.cmb=tag(log,interval(0,4))", "bounds above 0"),
        ("mix.datasets.cmb=tag(log,choice(0,4))", "numbers above 0"),
        ("lr=interval(0,1e-3)", "a number above 0"),
        ("epochs=range(5,1)", "1 to 1,000 values"),
        ("epochs=range(1,5,0)", "1 to 1,000 values"),
        ("cutoff=choice()", "range(start, stop, step)"),
        ("cutoff=twice(4)", "Unknown function 'twice'"),
        ("cutoff=64,0", "at least 1"),
        ("cutoff=64,many", "at least 1"),
        ("cutoff=64.5,128", "at least 1"),
        ("cutoff=64,64", "each value once"),
        ("train.schedule=cosine,step", "cosine | linear"),
        ("mix.datasets.cmb=1,-1", "at least 0"),
        ("mix.datasets.cnb=0,1", "the datasets pubmedqa"),
        ("mix.datasets.medqajin=0,1", "two plus signs, as mix=full lacks it"),
        ("+mix.datasets.cmb=0,1", "as mix=full has it"),
        ("tune=lora,dora", "full, lora, qlora"),
        ("tune=glob(x*)", "at least one value"),
        ("+tune=full,lora", "without a plus sign"),
        ("+lr=1e-3,1e-4", "without a plus sign"),
        ("study.seeds=1,2", "one value for the whole study"),
        ("sampler=tpe,gp", "one value for the whole study"),
    ],
)
def test_what_cannot_be_searched_is_told(word: str, told: str) -> None:
    with pytest.raises((SettingError, UnknownSettingError)) as refused:
        space("+mix=full", word)
    assert told in str(refused.value)
    assert str(refused.value).startswith(word.partition("=")[0].lstrip("+"))


@pytest.mark.parametrize("word", ["mix=full,exam", "+mix=full,exma", "+mix=[exam,full],[exam,fool]"])
def test_a_mix_is_one_that_there_is(word: str) -> None:
    with pytest.raises(SettingError, match=r"with a plus sign|chinese, dialogue"):
        space(word)


@pytest.mark.parametrize(
    ("params", "when", "told"),
    [
        ({"tune": "full,lora"}, {"tune=qlora": {"cutoff": "1,2"}}, "full | lora"),
        ({}, {"tune=lora": {"cutoff": "1,2"}}, "full"),
        ({}, {"exam.shots=3": {"cutoff": "1,2"}}, "swept or fixed; add exam.shots=3"),
        ({"lr": "interval(1,2)"}, {"lr=1": {"cutoff": "1,2"}}, "lr has an interval"),
        ({"tune": "full,lora"}, {"tune": {"cutoff": "1,2"}}, "a condition such as"),
        ({"tune": "full,lora"}, {"tune=full, tune=lora": {"cutoff": "1,2"}}, "each setting once"),
        (
            {"tune": "full,lora", "seed": "1,2"},
            {"tune=lora": {"cutoff": "1,2"}, "seed=1": {"cutoff": "3,4"}},
            "both can hold at once",
        ),
        (
            {},
            {"seed=1": {"cutoff": "1,2"}, "cutoff=1": {"seed": "1,2"}},
            "do not ask of each other",
        ),
        ({"cutoff": {"small": "cutoff=64"}}, {}, "a name of a study's own"),
        ({"size": {"small": "cutoff=0"}}, {}, "at least 1"),
        ({"size": {"small": "cutoff=1,2"}}, {}, "one value each"),
        ({"size": {"small": "cutoff=64"}, "cutoff": "64,128"}, {}, "does already"),
    ],
)
def test_conditions_and_names_that_make_no_sense_are_told(params: Any, when: Any, told: str) -> None:
    with pytest.raises(SettingError) as refused:
        space(params=params, when=when)
    assert told in str(refused.value)


def test_what_is_not_searched_is_handed_back_as_it_was_said() -> None:
    words = ["+sweeps=paper", "+mix=[exam,dialogue]", "lr=2e-5", "cutoff=64,128", "study.n_trials=3"]
    searched, fixed = parse(words, {"epochs": 3, "mix.languages": ["zh"]}, {})
    assert [item.name for item in searched.parameters] == ["cutoff"]
    assert fixed == ["epochs=3", "mix.languages=[zh]", *words[:3], words[4]]
    assert searched.keys == ("cutoff",)


def test_conditional_parameters_are_there_where_their_condition_holds() -> None:
    searched = space(**LORA)
    names = {item.name for item in searched.parameters}
    assert {"lr", "lr (tune=lora)", "tune.rank"} < names
    seen = set()
    for seed in range(20):
        trial = draw(searched, seed)
        words = dict(word.split("=") for word in searched.suggest(trial))
        assert ("tune.rank" in words) == (words["tune"] == "lora")
        assert ("tune.dropout" in words) == (words.get("tune.targets") == "attention")
        assert float(words["lr"]) <= (1e-2 if words["tune"] == "lora" else 1e-3)
        assert ("lr" in trial.params) != ("lr (tune=lora)" in trial.params)
        seen.add((words["tune"], words.get("tune.targets")))
    assert len(seen) == 3


def test_the_command_line_replaces_what_the_file_says() -> None:
    searched, fixed = parse(["tune=lora", "lr=1e-3", "tune.rank=4"], **LORA)
    assert [item.name for item in searched.parameters] == ["tune.targets", "tune.dropout"]
    assert fixed == ["+mix=full", "tune=lora", "lr=1e-3", "tune.rank=4"]
    assert [item.name for item in space("tune=full", **LORA).parameters] == ["lr"]
    narrowed = space("diversity=all,only_cmb", params=NAMED)
    assert [narrowed.words(each) for each in narrowed.settings() or ()] == [
        ["+mix=full"],
        ["+mix.datasets.cmb=1"],
    ]
    with pytest.raises(SettingError, match="all, without_cmb, only_cmb"):
        space("diversity=some", params=NAMED)
    with pytest.raises(SettingError, match="its choices set mix already"):
        space("+mix=paper", params=NAMED)


def test_one_number_for_several_settings_and_one_name_for_several_words() -> None:
    named = space(params=NAMED, when={"diversity=all|only_cmb": {"epochs": "1,2"}})
    assert [named.words(each) for each in (named.settings() or [])[:3]] == [
        ["+mix=full", "epochs=1"],
        ["+mix=full", "epochs=2"],
        ["+mix=full", "mix.datasets.cmb=0"],
    ]
    assert named.keys == ("mix", "mix.datasets.cmb", "epochs")
    searched = space(params=SHARED)
    assert searched.words({"weight": 4.0}) == ["mix.datasets.cmb=4", "mix.datasets.cmid=4"]
    assert space("mix.datasets.cmid=1", params=SHARED).words({"weight": 4.0}) == ["mix.datasets.cmb=4"]


def test_every_setting_of_a_finite_space_once_and_in_order() -> None:
    when = {"tune=lora": {"tune.rank": "8,16"}, "tune.rank=16": {"tune.dropout": "0,0.1"}}
    searched = space("tune=full,lora", "cutoff=64,128", when=when)
    settings = searched.settings()
    assert settings is not None
    assert [searched.words(each) for each in settings[:3]] == [
        ["tune=full", "cutoff=64"],
        ["tune=full", "cutoff=128"],
        ["tune=lora", "cutoff=64", "tune.rank=8"],
    ]
    assert len(settings) == searched.size() == len({str(each) for each in settings}) == 2 * (1 + 1 + 2)
    assert space(**LORA).settings() is space(**LORA).size() is None
    assert space().settings() == [{}]


@pytest.mark.parametrize("said", [LORA, {"params": NAMED}, {"params": SHARED}, {}])
def test_a_record_gives_the_same_space_back(said: Any) -> None:
    searched = space("cutoff=64,128,1024", "epochs=int(interval(1,5))", **said)
    record = json.loads(json.dumps(searched.as_record()))
    assert Space.from_record(record) == searched
    assert Space.from_record(record).as_record() == searched.as_record() == record


@pytest.mark.parametrize(
    "record", [{"lr": 1}, {"lr": {"words": ["lr"], "log": True}}, {"lr": {"numbers": [1]}}]
)
def test_a_record_of_something_else_is_refused(record: Any) -> None:
    with pytest.raises(DataError, match="no parameter of a search space"):
        Space.from_record(record)


def test_params_that_lack_something_give_no_words() -> None:
    with pytest.raises(DataError, match=r"lacks tune\.rank"):
        space(**LORA).words({"tune": "lora"})


BASE = {"cutoff": 512, "lr": 2e-3, "epochs": 3.0, "tune": {"method": "full", "targets": "linear"}}


@pytest.mark.parametrize(
    ("start", "params", "notes"),
    [
        ("", {"cutoff": 512, "tune": "full", "lr": 1e-3}, ["lr=0.002 is not in this space; 0.001 is taken"]),
        (
            "cutoff=1024 lr=1e-4",
            {"cutoff": 512, "tune": "full", "lr": 1e-4},
            ["cutoff=1024 is not in this space; 512 is taken"],
        ),
        (
            "tune=lora tune.rank=20 lr=2e-3 epochs=3",
            {
                "cutoff": 512,
                "tune": "lora",
                "tune.rank": 16,
                "tune.targets": "linear",
                "lr (tune=lora)": 2e-3,
            },
            ["tune.rank=20 is not in this space; 16 is taken"],
        ),
        (
            "tune=qlora lr=1e-5 epochs=1 seed=7",
            {"cutoff": 512, "tune": "full", "lr": 1e-5},
            [
                "tune=qlora is not in this space; full is taken",
                "epochs=1 is not swept, 3.0 in every trial",
                "seed=7 is not swept",
            ],
        ),
    ],
)
def test_a_starting_point_is_moved_into_the_space_and_says_so(start: str, params: Any, notes: Any) -> None:
    searched = space("cutoff=64,128,512", **LORA)
    assert searched.nearest(start.split(), BASE) == (params, notes)
    with pytest.raises(SettingError, match="one value each"):
        searched.nearest(["cutoff=64,128"], BASE)


MIXES = st.sampled_from(["full,exam", "glob(*,exclude=[ner,dialogue,english,qa])", "[exam,dialogue],full"])
POOL = {
    "cutoff": st.sampled_from(
        ["64,128,512", "interval(32,300)", "tag(log,interval(16,2048))", "range(64,257,64)"]
    ),
    "lr": st.sampled_from(["1e-5,2e-5,1e-3", "tag(log,interval(1e-6,1e-2))", "interval(1e-5,2e-5)"]),
    "epochs": st.sampled_from(["1,2,3", "0.5,1,3", "interval(0.1,4)", "int(interval(1,4))"]),
    "mix.datasets.cmb": st.sampled_from(["0,0.5,4", "interval(0,4)"]),
    "mix.temperature": st.sampled_from(["1,3,inf", "interval(1,9)"]),
    "tune.alpha": st.sampled_from(["1,2,4,8,16", "tag(log,interval(1,100))"]),
    "train.schedule": st.sampled_from(["cosine,linear", "choice(wsd)"]),
    "mix.languages": st.sampled_from(["[],[zh]", "[en,zh],[zh]"]),
}


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(params=st.fixed_dictionaries({"+mix": MIXES}, optional=POOL), seed=st.integers(0, 999))
def test_what_is_suggested_composes_and_lies_in_the_space(params: dict[str, str], seed: int) -> None:
    when = {"tune=lora|full": {"tune.rank": "4,8,64"}, "tune=full": {"train.clip": "interval(0.5,2)"}}
    searched, fixed = parse(["tune=full,lora"], params, when)
    trial = draw(searched, seed)
    words = searched.suggest(trial)
    assert (
        words == searched.words(trial.params) == Space.from_record(searched.as_record()).words(trial.params)
    )
    config = compose.from_overrides([*fixed, *words])
    assert config.tune.rank in (4, 8, 64)
    for item in searched.parameters:
        if item.name in trial.params:
            values, text = item.domain.values(), item.domain.text(trial.params[item.name])
            assert values is None or text in map(item.domain.text, values)
            assert item.domain.nearest(text) == item.domain.snap(trial.params[item.name]) or values is None
