"""The designed studies in `sweeps/` are what their first lines say."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from csft import compose
from csft.data.catalog import DATASETS
from csft.data.mix import amounts
from csft.study import samplers, starting
from csft.study.pruners import make_pruner
from csft.study.space import Space, parse

FILES = sorted(compose.folder("sweeps").glob("*.yaml"))
SITES = ("laptop", "h100")


def composed(words: list[str]) -> DictConfig:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    compose.register()
    with initialize_config_dir(str(compose.folder("conf")), version_base="1.3"):
        return hydra_compose("config", words)


def read(name: str, *words: str) -> tuple[Space, list[str]]:
    file: Any = OmegaConf.to_container(OmegaConf.load(compose.folder("sweeps") / f"{name}.yaml"))
    sweeper = file["hydra"]["sweeper"]
    return parse([f"+sweeps={name}", *words], sweeper["params"], sweeper.get("when", {}))


def test_all_that_are_promised_are_there() -> None:
    assert {"cutoff", "paper", "mixture", "diversity", "lora", "smoke"} <= {path.stem for path in FILES}


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_designed_study_starts(path: Path, site: str) -> None:
    """It asks a question, names its cost, and its starting points and first settings compose."""
    package, question, *_ = text = path.read_text(encoding="utf-8").splitlines()
    assert package == "# @package _global_"
    assert question.startswith("# Question: ")
    assert any(line.startswith("# Cost: ") for line in text)
    searched, fixed = read(path.stem, f"site={site}")
    base = composed(fixed)
    study = base.study
    assert study.name == path.stem
    samplers.resolve(study.sampler.kind, searched, study.n_trials)
    make_pruner(study.pruner)
    assert study.n_trials is not None or searched.size() is not None
    plain: Any = OmegaConf.to_container(base)
    first = [params for params, _ in starting.points(searched, plain, study.start)]
    for params in [*first, *(searched.settings() or [])[:2]]:
        words = [*fixed, *searched.words(params)]
        config = compose.from_overrides(words)
        assert config.site.name == site


@pytest.mark.parametrize(("name", "trials"), [("cutoff", 5), ("paper", 27), ("diversity", 25)])
def test_a_grid_is_as_large_as_its_file_says(name: str, trials: int) -> None:
    assert read(name)[0].size() == trials
    said = (compose.folder("sweeps") / f"{name}.yaml").read_text(encoding="utf-8")
    assert f"# Cost: {trials} trials" in said


def test_a_rate_belongs_to_the_site() -> None:
    laptop, h100 = (read("paper", f"site={site}")[0].named("lr").domain.values() for site in SITES)
    assert laptop == (1e-3, 2e-3, 5e-3)
    assert h100 == (1e-5, 2e-5, 5e-5)


def test_diversity_leaves_every_dataset_out_once_and_takes_each_alone() -> None:
    searched, fixed = read("diversity")
    full = {*OmegaConf.load(compose.folder("conf") / "mix" / "full.yaml").datasets}
    seen = set()
    for params in searched.settings() or []:
        words = searched.words(params)
        if params["diversity"] not in ("all", "without_cmb", "only_cmb"):
            zeroes = {word.split(".")[-1].split("=")[0] for word in words if word.startswith("mix.datasets.")}
            alone = {word.split(".")[-1].split("=")[0] for word in words if word.startswith("+mix.datasets.")}
            seen.add(frozenset(alone or full - zeroes))
            continue
        mix = compose.from_overrides([*fixed, *words]).mix
        seen.add(frozenset(name for name, weight in mix.datasets.items() if weight))
        drawn = amounts(mix, {name: 100 + i for i, name in enumerate(mix.datasets)})
        assert sum(drawn.values()) == pytest.approx(2000)
        assert len({round(amount, 6) for amount in drawn.values() if amount}) == 1
    assert seen == {frozenset(full)} | {frozenset({name}) for name in full} | {
        frozenset(full - {n}) for n in full
    }
    assert full < {*DATASETS}


def test_the_baselines_of_a_mixture_are_tried_first() -> None:
    searched, fixed = read("mixture")
    base = composed(fixed)
    plain: Any = OmegaConf.to_container(base)
    sizes = {"cmb": 3000, "cmid": 100, "discmed": 900}
    shares = []
    for params, why in starting.points(searched, plain, base.study.start):
        assert "not in this space" not in why
        mix = compose.from_overrides([*fixed, *searched.words(params)]).mix
        shares.append({name: round(amount) for name, amount in amounts(mix, sizes).items()})
    assert shares == [
        {"cmb": 1500, "cmid": 50, "discmed": 450},  # in proportion to size
        {"cmb": 667, "cmid": 667, "discmed": 667},  # equal
    ]
