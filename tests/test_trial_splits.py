"""The exam questions of a trial."""

from pathlib import Path

import pytest

from csft import sample, splits
from csft.config import Exam


@pytest.fixture(scope="module")
def root() -> Path:
    return sample.data_root()


def gather(root: Path, cache: Path) -> splits.Splits:
    return splits.gather(Exam(), root, root / "cmb", cache)


def test_the_held_out_split_is_drawn_once_and_found_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = gather(root, tmp_path)
    monkeypatch.setattr("csft.splits.read_questions", None)  # CMB-train may not be read again
    assert gather(root, tmp_path) == first
    assert set(first) == {"select", "val", "test"}


@pytest.mark.parametrize(
    "change", [lambda text: text[:-50], lambda text: text.replace('"answer": "A"', '"answer": "B"', 1)]
)
def test_a_kept_split_that_was_changed_is_drawn_anew(root: Path, tmp_path: Path, change: object) -> None:
    first = gather(root, tmp_path)
    (kept,) = (tmp_path / "held_out").iterdir()
    assert callable(change)
    kept.write_text(change(kept.read_text(encoding="utf-8")), encoding="utf-8")
    assert gather(root, tmp_path) == first
