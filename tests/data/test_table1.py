"""Table 1 beside what is here, and the known reasons for differences."""

from collections import Counter
from pathlib import Path

from csft.data import sources
from csft.data.catalog import DATASETS
from csft.data.table1 import table1
from csft.rejects import Rejects

RECORDS = {"webmedqa": 50_610, "cmb": 269_300, "headqa": 2_657, "medqajin": 48_876, "discmed": 1_300_000}
MET = {
    "webmedqa": Rejects(topics=253_050),
    "cmb": Rejects(topics=269_359, counts=Counter({"no answer": 59})),
    "headqa": Rejects(topics=2_657),
    "discmed": Rejects(topics=464_898, counts=Counter({"not JSON": 1})),
    "medqajin": Rejects(topics=48_876),
}


def test_paper_and_here_side_by_side() -> None:
    head, *rows = table1(RECORDS, MET).splitlines()
    assert head.split() == [
        "dataset", "language", "style", "topics", "here", "difference", "instructions", "here", "difference",
        "set", "aside",
    ]  # fmt: skip
    cells = {row.split()[0]: row.split()[1:] for row in rows[: len(DATASETS)]}
    assert list(cells) == list(DATASETS)
    assert cells["webmedqa"] == ["zh", "QA", "252,850", "253,050", "+200", "50,570", "50,610", "+40", "0"]
    assert cells["headqa"] == ["en", "MCQA", "2,657", "2,657", "+0", "2,657", "2,657", "+0", "0"]
    assert cells["cmid"] == ["zh", "NER", "12,254", "not", "here", "11,786", "not", "here"]
    assert cells["medqajin"] == ["en+zh", "MCQA", "48,876", "48,876", "0"]


def test_only_what_is_here_and_differs_is_explained() -> None:
    below = table1(RECORDS, MET).splitlines()[1 + len(DATASETS) :]
    lines = dict(line.split(": ", 1) for line in below)
    assert list(lines) == ["webmedqa", "cmb", "discmed", "medqajin"]
    assert lines["webmedqa"].startswith("The dataset's README counts 50,610 training questions")
    assert lines["cmb"] == "The difference is what was set aside."
    assert lines["discmed"] == "The reason is not known."
    assert lines["medqajin"].startswith("Not in Table 1. 48,876")


def test_a_sample_is_told_as_a_part(shared: Path) -> None:
    rejects = Rejects()
    records = sum(1 for _ in sources.read("cmid", shared / "samples", rejects))
    assert (records, rejects.topics, rejects.total) == (292, 324, 32)
    last = table1({"cmid": records}, {"cmid": rejects}).splitlines()[-1]
    assert last.startswith("cmid: A part of the data is here, 2.64% of the paper's topics. The file as first")
