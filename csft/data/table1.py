"""Table 1 of the paper with the counts found here beside it, and why they differ."""

from collections.abc import Iterator, Mapping

from csft.data.catalog import DATASETS, Dataset
from csft.data.columns import layout, number
from csft.rejects import Rejects

# What is known of each figure, from the datasets' own pages and from what was counted in their files.
_KNOWN = {
    "pubmedqa": "Table 1 counts all three parts: 1,000 labelled, 211,269 artificial, 61,249 unlabelled.",
    "headqa": "Table 1 counts the 2,657 training questions, 68 of which hang on a picture.",
    "cmedqa2": "The dataset's README counts 188,490 answers to its training questions, Table 1 188,783; "
    "every answer to a training question is read here.",
    "cmeddialogue": "Table 1 counts six departments: "
    "94,596 + 220,606 + 183,751 + 75,553 + 101,602 + 115,991 rows.",
    "webmedqa": "The dataset's README counts 50,610 training questions and 253,050 answers, Table 1 50,570 "
    "and 252,850.",
    "medicaldialog": "Table 1 counts what the hub's loader gives, which never gives the last dialogue of a "
    "file; it is read here. In the raw text the hub counts 1,921,127 consultations.",
    "cmid": "The file as first published holds 7,754 of the 12,254 records. Records with neither entity nor "
    "intent are left out, in Table 1 too.",
    "medqajin": "Not in Table 1. 48,876 training questions are published: 10,178 US, 27,400 Mainland, "
    "11,298 Taiwan.",
}
_PART = 0.9  # of the paper's topics: fewer are a part of the dataset, not another count of it


def table1(records: Mapping[str, int], met: Mapping[str, Rejects]) -> str:
    """Table 1 of arXiv 2407.19705, ours beside its figures, and below it a line on each known difference.

    `records` is how many each dataset gave and `met` what its reader met and left out; a dataset without an
    entry is not here. Topics are what the paper counts: questions, dialogues or raw rows.
    """
    head = ["dataset", "language", "style", "topics", "here", "difference"]
    rows = [[*head, "instructions", "here", "difference", "set aside"]]
    for name, entry in DATASETS.items():
        seen = met.get(name)
        topics = _beside(entry.topics, seen.topics if seen else None)
        instructions = _beside(entry.instructions, records.get(name))
        aside = number(seen.total if seen else None)
        rows.append([name, entry.language, entry.style, *topics, *instructions, aside])
    return "\n".join([layout(rows), *_differences(records, met)])


def _differences(records: Mapping[str, int], met: Mapping[str, Rejects]) -> Iterator[str]:
    for name, seen in met.items():
        entry = DATASETS[name]
        if (records[name], seen.topics) != (entry.instructions, entry.topics):
            why = [_part(entry, seen.topics), _left_out(entry, records[name], seen.total)]
            why.append(_KNOWN.get(name, ""))
            yield f"{name}: " + (" ".join(filter(None, why)) or "The reason is not known.")


def _beside(paper: int | None, here: int | None) -> list[str]:
    """The paper's figure, ours, and the difference."""
    apart = f"{here - paper:+,}" if here is not None and paper is not None else ""
    return [number(paper), "not here" if here is None else number(here), apart]


def _part(entry: Dataset, topics: int) -> str:
    if entry.topics is None or topics >= _PART * entry.topics:
        return ""
    return f"A part of the data is here, {topics / entry.topics:.2%} of the paper's topics."


def _left_out(entry: Dataset, here: int, set_aside: int) -> str:
    if set_aside and entry.instructions == here + set_aside:
        return "The difference is what was set aside."
    return ""
