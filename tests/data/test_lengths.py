"""Lengths as a table, a file and a figure."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from csft.data.length_figure import figure, write_figure
from csft.data.lengths import length_rows, length_table, write_lengths

LENGTHS = {"cmb": np.array([100, 200, 300, 400]), "我的 <b>&": np.array([50]), "nothing": np.array([], int)}


def test_shares_are_of_records_longer_than_the_cutoff() -> None:
    row, single, empty = length_rows(LENGTHS, [200, 400])
    assert (row["records"], row["tokens"], row["mean"], row["p50"], row["max"]) == (4, 1000, 250, 250, 400)
    assert (row["> 200"], row["> 400"]) == (0.5, 0)
    assert single["p5"] == single["p99"] == 50
    assert (empty["records"], empty["tokens"], empty["mean"], empty["> 200"]) == (0, 0, None, None)


def test_the_table_is_for_reading() -> None:
    head, row, _, empty = length_table(LENGTHS, [200]).splitlines()
    assert head.split()[:4] == ["dataset", "records", "tokens", "mean"]
    assert row.split()[:4] == ["cmb", "4", "1,000", "250.0"] and row.endswith("50.0%")
    assert empty.split() == ["nothing", "0", "0"]
    assert length_table({}) == "dataset"


def test_the_file_reads_back(tmp_path: Path) -> None:
    write_lengths(LENGTHS, [200], tmp_path / "lengths.csv")
    with (tmp_path / "lengths.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["dataset"] for row in rows] == list(LENGTHS)
    assert [row["> 200"] for row in rows] == ["0.5", "0", ""]


def test_the_page_needs_no_network_and_shows_every_name(tmp_path: Path) -> None:
    write_figure(LENGTHS, [200, 256], tmp_path / "lengths.html")
    page = (tmp_path / "lengths.html").read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img)[^>]*\s(src|href)=", page)
    assert 'href="lengths.csv"' in page and (tmp_path / "lengths.csv").is_file()
    drawn = [words.text for words in figure(LENGTHS, [200, 256]).layout.annotations]
    assert "<b>CMB</b> · zh MCQA" in drawn and "<b>我的 &lt;b&gt;&amp;</b>" in drawn
    assert "4 · median 250" in drawn and "no records" in drawn
    assert drawn.count("50%") == 2 and drawn.count("0%") == 2


@pytest.mark.parametrize("cutoffs", [[], [1], [128, 128], [500, 512, 100000]])
def test_any_cutoffs_can_be_drawn_without_words_on_words(cutoffs: list[int]) -> None:
    made = figure(LENGTHS, cutoffs)
    assert len(made.layout.shapes) == 3 * len(set(cutoffs))
    low, high = made.layout.xaxis.range
    assert all(low <= np.log10(cutoff) <= high for cutoff in cutoffs)
    shares = [(words.x, words.y) for words in made.layout.annotations if words.text.endswith("%")]
    assert len({y for x, y in shares if 2.6 < x < 2.8}) == (2 if 500 in cutoffs else 0)


def test_every_length_is_in_a_bin() -> None:
    sizes = np.arange(1, 1000)
    (trace,) = figure({"x": sizes}, [64]).data
    assert trace.x[0] <= 1 and trace.x[-1] >= 999
    assert max(trace.y) == 1 and trace.y[-1] == 0
