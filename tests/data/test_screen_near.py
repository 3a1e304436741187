"""Normalising in bulk, shingles, signatures, and who is kept of those that are alike."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csft.data.screen.grams import Grams, grams
from csft.data.screen.near import keep_first
from csft.data.screen.plain import normalise, plain
from csft.data.screen.signatures import band_hashes, bands_for

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5)


def test_normalising_keeps_letters_and_digits_alone() -> None:
    assert normalise("Ａ．Vitamin-Ｂ１₂（①）　㎎\n") == "avitaminb121mg"


@given(TEXTS)
@example(["A: 溶栓\nB: 观察", "", "😀𠮷", "\0x\0", "İ ﬁ e\u0301 ㎎ Ⅲ …", "The answer is A ."])
@example(["", ""])
@example([])
def test_texts_come_out_of_a_batch_as_they_do_alone(texts: list[str]) -> None:
    found = plain(texts)
    assert [found.text(number) for number in range(len(found))] == [normalise(text) for text in texts]
    assert (np.diff(found.lines) > 0).all() and set(found.lines.tolist()) <= set(range(len(found.units) + 1))


@given(TEXTS, st.sampled_from([3, 5]))
def test_grams_are_the_runs_inside_each_text(texts: list[str], size: int) -> None:
    units = plain(texts)
    found = grams(units, size)
    seen: dict[tuple[int, ...], int] = {}
    for number, (begin, end) in enumerate(pairwise(units.start.tolist())):
        text = units.units[begin:end].tolist()
        runs = [tuple(text[at : at + size]) for at in range(len(text) - size + 1)] or [tuple(text)] * bool(
            text
        )
        assert [
            seen.setdefault(run, value) for run, value in zip(runs, found.of(number).tolist(), strict=True)
        ] == (found.of(number).tolist())
    assert len(set(seen.values())) == len(seen)


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8, 0.9, 1.0])
def test_signatures_lead_to_what_is_alike(threshold: float) -> None:
    """Sets that differ by just what the threshold allows share a band, but for one in some two hundred."""
    draw, size = np.random.default_rng(1), 200
    new = int(size * (1 - threshold) / (1 + threshold))
    one = draw.integers(0, 1 << 63, (400, size), np.uint64)
    other = np.hstack([one[:, new:], draw.integers(0, 1 << 63, (400, new), np.uint64)])
    start = np.arange(401) * size
    cut = bands_for(threshold)

    def bands(sets: np.ndarray, key: int = 0) -> np.ndarray:
        return band_hashes(Grams(sets.ravel(), start), np.full(400, key, np.uint64), cut)

    assert (bands(one) == bands(other)).any(1).mean() > 0.98
    assert not (bands(one) == np.roll(bands(other), 1, axis=0)).any()
    assert not (bands(one) == bands(one, key=1)).any()


def alike(one: int, other: int) -> float:
    """Numbers of the same ten are alike."""
    return 0.9 if one // 10 == other // 10 else 0.0


def test_of_those_alike_the_first_is_kept() -> None:
    bands = [np.array([5, 1, 1, 1] + [2] * 11, np.uint64), np.array([5, 6, 7, 5] + [3] * 11, np.uint64)]
    match, share = keep_first(bands, alike)
    assert match.tolist() == [-1, -1, 1, 0, *[-1], 4, 4, 4, 4, 4, -1, 10, 10, 10, 10]
    assert (share > 0).tolist() == (match >= 0).tolist()


def test_a_large_group_costs_one_comparison_each() -> None:
    compared = []

    def all_alike(one: int, other: int) -> float:
        compared.append((one, other))
        return 1.0

    match, _ = keep_first([np.zeros(1000, np.uint64)] * 3, all_alike)
    assert match.tolist() == [-1] + [0] * 999 and len(compared) == 999


def test_a_crowd_of_strangers_is_not_compared_with_everybody() -> None:
    compared = []
    keep_first([np.zeros(1000, np.uint64)] * 3, lambda *pair: compared.append(pair) or 0.0)
    assert len(compared) < 20 * 1000


def test_between_groups_nobody_is_compared_with_his_own() -> None:
    bands = [np.array([1, 1, 2, 1, 1, 1], np.uint64)]
    pairs = []
    match, _ = keep_first(bands, lambda *pair: pairs.append(pair) or 0.0, np.array([0, 0, 1, 1, 1, 2]))
    assert match.tolist() == [-1] * 6 and set(pairs) == {(3, 1), (4, 1), (5, 4), (5, 1)}
    assert keep_first([], alike)[0].tolist() == []
