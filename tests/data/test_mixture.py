"""The mix of a trial, epoch by epoch, on token stores."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from csft import sample
from csft.config import Mix
from csft.data import CutOff, Mixture, Prepared, prepare
from csft.errors import SettingError

FOUR = ("cmid", "discmed", "medqajin", "nlpec")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Prepared]:
    from csft import model

    tokenizer: Any = model.load_tokenizer(sample.base_model_path())
    cache: Path = tmp_path_factory.mktemp("cache")
    return prepare(FOUR, sample.data_root(), tokenizer, "x", "intern2", exam_questions={}, cache=cache)


def mixture(prepared: dict[str, Prepared], epochs: float = 1, cutoff: int = 512, **settings: Any) -> Mixture:
    weights = {"cmid": 1.0, "discmed": 0.5, "medqajin": 1.0, "nlpec": 2.0}
    mix = Mix(datasets=weights, **settings)
    return Mixture(prepared, mix, CutOff(cutoff), epochs, seed=1)


def drawn(made: Mixture, epoch: int) -> Counter[tuple[str, int]]:
    return Counter(made.rows.origin(row) for row in made.epoch(epoch).tolist())


def test_an_epoch_has_the_records_that_the_weights_say(prepared: dict[str, Prepared]) -> None:
    made = mixture(prepared)
    per_dataset = Counter(name for name, _ in drawn(made, 0).elements())
    pools = {name: len(one.pool) for name, one in prepared.items()}
    wanted = {**pools, "discmed": round(pools["discmed"] / 2), "nlpec": 2 * pools["nlpec"]}
    assert per_dataset == wanted
    assert set(drawn(made, 0).values()) == {1, 2}
    assert {one.dataset: (one.pool, one.records) for one in made.table} == {
        name: (pools[name], wanted[name]) for name in FOUR
    }


def test_rows_of_all_epochs_are_cut_once_and_each_epoch_draws_its_own(prepared: dict[str, Prepared]) -> None:
    made = mixture(prepared, epochs=2.5)
    epochs = [drawn(made, number) for number in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[0] == drawn(mixture(prepared), 0)  # how long a trial trains does not change its first epoch
    assert len(made.rows) == len(set().union(*epochs))
    fixed = mixture(prepared, epochs=2.5, resample=False)
    assert drawn(fixed, 0) == drawn(fixed, 2) == epochs[0]


@pytest.mark.parametrize("resample", [True, False])
def test_over_more_epochs_the_first_ones_have_the_same_records(
    prepared: dict[str, Prepared], resample: bool
) -> None:
    one = mixture(prepared, epochs=1.5, cutoff=64, resample=resample)
    other = one.over(4)
    assert drawn(other, 3) == drawn(mixture(prepared, epochs=4, cutoff=64, resample=resample), 3)
    for number in range(2):
        mine, theirs = one.rows.origins(one.epoch(number)), other.rows.origins(other.epoch(number))
        assert mine.tolist() == theirs.tolist()
    named = [one.rows.origin(int(row)) for row in one.epoch(1)]
    assert len({*named}) == len({*one.rows.origins(one.epoch(1)).tolist()})
    assert (other.rows is one.rows) == (not resample)
    assert one.over(2) is one and other.over(2).over(4).rows.lengths.tolist() == other.rows.lengths.tolist()


def test_a_token_budget_is_counted_after_the_cut(prepared: dict[str, Prepared]) -> None:
    made = mixture(prepared, cutoff=96, tokens=20_000)
    longest = int(made.rows.lengths.max())
    total = int(made.rows.lengths[made.epoch(0)].sum())
    assert longest <= 96 and 20_000 - 4 * 96 <= total <= 20_000
    assert total == sum(one.tokens for one in made.table)
    assert sum(one.share for one in made.table) == pytest.approx(1)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_of_a_dataset_in_two_languages_one_can_be_drawn(prepared: dict[str, Prepared], language: str) -> None:
    one = {"medqajin": prepared["medqajin"]}
    mix = Mix(datasets={"medqajin": 1.0}, languages=[language])
    chinese = one["medqajin"].store.chinese == 1
    wanted = np.flatnonzero(chinese if language == "zh" else ~chinese)
    assert 0 < len(wanted) < len(chinese)
    made = Mixture(one, mix, CutOff(512))
    assert sorted(number for _, number in drawn(made, 0)) == wanted.tolist()


def test_records_without_a_trained_token_are_not_in_an_epoch(prepared: dict[str, Prepared]) -> None:
    made = mixture(prepared, cutoff=24)
    untrained = sum(cost.untrained for cost in made.rows.truncation.values())
    assert untrained == made.truncation.untrained
    assert len(made.rows) == sum(cost.records for cost in made.rows.truncation.values()) - untrained
    with pytest.raises(SettingError, match="cutoff=1 "):
        mixture(prepared, cutoff=1)


def test_a_validation_share_is_in_no_epoch(prepared: dict[str, Prepared]) -> None:
    weights = {"cmid": 1.0, "nlpec": 2.0}
    two = {name: prepared[name] for name in weights}
    made = Mixture(two, Mix(datasets=weights), CutOff(512), 3, validation=0.1)
    held_out = set(made.held_out.tolist())
    assert len(held_out) == np.ceil(0.1 * len(made.rows))
    for number in range(3):
        assert set(made.epoch(number).tolist()) == set(range(len(made.rows))) - held_out
