"""Every configuration composes, and what cannot be used is told in one form."""

import dataclasses
import itertools
from pathlib import Path

import pytest

from csft import compose
from csft.config import Config
from csft.data.catalog import DATASETS
from csft.errors import CsftError, SettingError, UnknownSettingError

CONF = compose.folder("conf")


def options(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


GROUPS = sorted(path.name for path in CONF.iterdir() if path.is_dir())
NEEDED = {
    "model=hf": "model.path=/models/x",
    "model=scratch": "model.path=/models/x",
    "tune=qlora": "site.device=auto",
}


@pytest.mark.parametrize("word", [f"{group}={name}" for group in GROUPS for name in options(group)])
def test_every_option_composes(word: str) -> None:
    words = [f"+{word}" if word.startswith("mix=") else word]
    words += [] if word.startswith("mix=") else ["+mix=full"]
    words += [NEEDED[word]] if word in NEEDED else []
    config = compose.from_overrides(words)
    assert isinstance(config, Config)


@pytest.mark.parametrize(
    ("mix", "tune", "site"), itertools.product(options("mix"), options("tune"), options("site"))
)
def test_mixes_tuning_and_sites_compose_together(mix: str, tune: str, site: str) -> None:
    words = [f"+mix={mix}", f"tune={tune}", f"site={site}", "site.device=auto"]
    config = compose.from_overrides(words)
    assert (config.mix.name, config.tune.method, config.site.name) == (mix, tune, site)


@pytest.mark.parametrize("sweep", sorted(path.stem for path in compose.folder("sweeps").glob("*.yaml")))
def test_every_sweep_composes(sweep: str) -> None:
    assert compose.from_overrides([f"+sweeps={sweep}", "+mix=full"]).study.name == sweep


def test_a_config_is_frozen_and_typed() -> None:
    config = compose.from_overrides(["+mix=full", "cutoff=128", "lr=1e-4", "tune=lora", "tune.rank=4"])
    assert (config.cutoff, config.lr, config.tune.method, config.tune.rank) == (128, 1e-4, "lora", 4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.tune.rank = 8  # type: ignore[misc]


def test_full_and_paper_are_what_the_paper_has() -> None:
    full, paper = (compose.from_overrides([f"+mix={name}"]).mix for name in ("full", "paper"))
    table_1 = {name for name, dataset in DATASETS.items() if dataset.instructions and name != "medqajin"}
    assert set(full.datasets) == table_1
    assert full.max_records is None
    assert set(paper.datasets) == (table_1 | {"medqajin"}) - {"pubmedqa"}
    assert paper.max_records == 1000


def test_languages_follow_the_catalogue() -> None:
    for mix, language in (("chinese", "zh"), ("english", "en")):
        datasets = compose.from_overrides([f"+mix={mix}"]).mix.datasets
        assert set(datasets) == {name for name, dataset in DATASETS.items() if dataset.language == language}


def test_two_mixes_join() -> None:
    exam, dialogue, both = (
        compose.from_overrides([f"+mix={name}"]).mix for name in ("exam", "dialogue", "[exam,dialogue]")
    )
    assert both.datasets == exam.datasets | dialogue.datasets
    assert both.name == "exam+dialogue"


def test_one_dataset_can_be_left_out() -> None:
    mix = compose.from_overrides(["+mix=full", "mix.datasets.cmb=0"]).mix
    assert mix.datasets["cmb"] == 0
    assert mix.datasets["nlpec"] == 1


def test_the_site_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSFT_SITE", "h100")
    config = compose.from_overrides(["+mix=full"])
    assert (config.site.name, config.model.name, config.lr) == ("h100", "internlm2_5_7b", 2e-5)


def test_the_command_line_beats_the_site() -> None:
    config = compose.from_overrides(["+mix=full", "site=h100", "model=sample", "lr=1e-3", "train.batch=64"])
    assert (config.model.name, config.lr, config.train.batch) == ("sample", 1e-3, 64)


REFUSED = [
    ("cutoff=0", "cutoff=0", "at least 1"),
    ("cutoff=abc", "cutoff=abc", "a whole number of tokens"),
    ("cutoff=1.5", "cutoff=1.5", "a whole number of tokens"),
    ("lr=abc", "lr=abc", "a number above 0"),
    ("lr=0", "lr=0", "a number above 0"),
    ("lr=nan", "lr=nan", "a number above 0"),
    ("lr=inf", "lr=inf", "a number above 0"),
    ("epochs=-1", "epochs=-1", "above 0"),
    ("seed=-1", "seed=-1", "from 0"),
    ("attention=fast", "attention=fast", "auto | flash | varlen | sdpa | eager"),
    ("tune=lora2", "tune=lora2", "full, lora, qlora"),
    ("tune.rank=0", "tune.rank=0", "at least 1"),
    ("tune=qlora", "tune=qlora", "needs an NVIDIA GPU"),
    ("train.micro_batch=7", "train.micro_batch=7", "a divisor of train.batch=32"),
    ("exam.protocol=guess", "exam.protocol=guess", "logits | generate"),
    ("study.name=a/b", "study.name=a/b", "letters, digits"),
    ("site=moon", "site=moon", "h100, laptop"),
    ("site.device=tpu", "site.device=tpu", "auto | cpu | cuda"),
    ("model=hf", "model.path=(none)", "model.path=…"),
    ("mix.datasets.cmb=-2", "mix.datasets.cmb=-2", "at least 0"),
    ("mix.datasets.cmb=many", "mix.datasets.cmb=many", "at least 0"),
    ("mix.datasets.cmbb=1", "mix.datasets.cmbb=1", "medqajin"),
    ("+mix.datasets.cmbb=1", "mix.datasets.cmbb=1", "medqajin"),
    ("mix.datasets.medqajin=1", "mix.datasets.medqajin=1", "+mix.datasets.medqajin=1"),
    ("mix.max_records=0", "mix.max_records=0", "at least 1"),
]


@pytest.mark.parametrize(("word", "told", "allowed"), REFUSED, ids=[word for word, *_ in REFUSED])
def test_a_value_that_cannot_be_used(word: str, told: str, allowed: str) -> None:
    with pytest.raises(SettingError) as caught:
        compose.from_overrides(["+mix=full", word])
    assert told in str(caught.value)
    assert allowed in str(caught.value)


@pytest.mark.parametrize(
    ("word", "hint"),
    [("cutof=5", "cutoff"), ("train.bach=3", "train.batch"), ("+cutof=5", "cutoff"), ("+x=1", "")],
)
def test_a_setting_that_does_not_exist(word: str, hint: str) -> None:
    with pytest.raises(UnknownSettingError) as caught:
        compose.from_overrides(["+mix=full", word])
    assert word.lstrip("+") in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize("words", [["+mix=ful"], ["+mix=[exam,ful]"]])
def test_an_unknown_mix_lists_the_known_ones(words: list[str]) -> None:
    with pytest.raises(SettingError, match=r"mix=ful cannot be used.*dialogue.*full.*paper"):
        compose.from_overrides(words)


def test_no_mix_lists_the_known_ones() -> None:
    with pytest.raises(CsftError) as caught:
        compose.from_overrides([])
    assert all(f"+mix={name}" in str(caught.value) for name in options("mix"))


def test_a_mix_without_its_plus_sign() -> None:
    with pytest.raises(SettingError, match=r"\+mix=full"):
        compose.from_overrides(["mix=full"])


def test_an_empty_mix_stops() -> None:
    with pytest.raises(SettingError, match="at least one dataset with a weight above 0"):
        compose.from_overrides(["+mix=ner", "mix.datasets.cmid=0"])


def test_every_mix_says_what_it_is() -> None:
    for name, sentence in compose.mixes().items():
        assert sentence.endswith("."), f"conf/mix/{name}.yaml opens with no sentence"


def test_the_packaged_folders_are_found_beside_the_checkout() -> None:
    assert (CONF / "config.yaml").is_file()
    assert Path(compose.folder("sweeps")).name == "sweeps"
