"""A generated corpus of any size in the raw layouts of nine datasets, and a CMB exam to screen it against.

    python tests/bench/corpus.py FOLDER --tokenizer FOLDER [--records 1000000] [--seed 42]

Datasets have the shares of the paper's Table 1. Planted, and counted in corpus.json: exact duplicates (2 %),
near duplicates (2 %: the same words, otherwise punctuated, with two characters more), rows without an answer
and rows that ask a question of the exam (0.1 % each).
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from corpus_layouts import LAYOUTS, Layout, choice, cmb_question
from corpus_text import Length, Speaker, vocabulary

from csft.cmb import SUB_EXAMS
from csft.data.catalog import DATASETS
from csft.files import hash_files, whole_folder, write_json

EXACT, NEAR, MALFORMED, LEAKED = 0.02, 0.02, 0.001, 0.001  # of the fresh rows
NEAR_LENGTH = 100  # characters of a row; a shorter one would be changed too much
REMEMBERED = 2000  # earlier rows that may come again
PER_SUB_EXAM = 400  # test questions, as in CMB


def generate(folder: Path, records: int, tokenizer: Path, seed: int = 42) -> dict[str, Any]:
    """Write the corpus to `folder`, unless the same one is there. Gives what corpus.json says of it.

    `tokenizer` is a folder with a sentencepiece model, whose words are used.
    """
    about = {
        "records": records,
        "seed": seed,
        "code": hash_files(Path(__file__).parent.glob("corpus*.py")),
    }
    found = folder / "corpus.json"
    if found.is_file():
        stored: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
        if {name: stored[name] for name in about} == about:
            return stored
        raise SystemExit(f"{folder} holds another corpus: {stored['records']} records. Give another folder.")
    total = sum(DATASETS[name].instructions or 0 for name in LAYOUTS)
    with whole_folder(folder) as temporary:
        speakers = {name: Speaker(name, seed, words) for name, words in vocabulary(tokenizer).items()}
        stems = _write_exam(temporary / "cmb", speakers["zh"])
        planted: dict[str, Counter[str]] = {name: Counter() for name in LAYOUTS}
        for name, layout in LAYOUTS.items():
            share = (DATASETS[name].instructions or 0) / total
            rows = _rows(layout, speakers[layout.language], round(records * share), stems, planted[name])
            layout.write(temporary / name, rows)
        write_json(temporary / "corpus.json", {**about, "datasets": planted})
    return json.loads(found.read_text(encoding="utf-8"))


def _rows(
    layout: Layout, speaker: Speaker, records: int, stems: list[str], counts: Counter[str]
) -> Iterator[list[str]]:
    """Fresh rows and planted ones until there are `records` training records; `counts` says what there is."""
    remembered: list[list[str]] = []
    while counts["records"] < records:
        kind, row = _next(layout, speaker, stems, remembered)
        counts[kind] += 1
        counts["records"] += layout.records(row)
        counts["characters"] += sum(map(len, row))
        yield row


def _next(
    layout: Layout, speaker: Speaker, stems: list[str], remembered: list[list[str]]
) -> tuple[str, list[str]]:
    dice = speaker.chance()
    if remembered and dice < EXACT + NEAR:
        row = remembered[speaker.below(len(remembered))]
        return ("exact duplicates", row) if dice < EXACT else ("near duplicates", _nearly(row))
    row = layout.make(speaker)
    dice -= EXACT + NEAR
    if 0 <= dice < MALFORMED:
        return "malformed", [*row[:-1], " "]
    if 0 <= dice - MALFORMED < LEAKED and layout.language == "zh":
        return "exam questions", [f"请看这道题：{stems[speaker.below(len(stems))]}", *row[1:]]
    _remember(row, remembered, speaker)
    return "fresh", row


def _remember(row: list[str], remembered: list[list[str]], speaker: Speaker) -> None:
    """Keep some of the longer rows, the newer ones in place of older ones."""
    if sum(map(len, row)) < NEAR_LENGTH:
        return
    if len(remembered) < REMEMBERED:
        remembered.append(row)
    elif speaker.chance() < 0.1:
        remembered[speaker.below(REMEMBERED)] = row


def _nearly(row: list[str]) -> list[str]:
    """The same words, otherwise punctuated, the question with two characters more."""
    changed = [text.replace("，", "；").replace(". ", ", ") for text in row]
    return [changed[0] + "急！", *changed[1:]]


def _write_exam(folder: Path, speaker: Speaker) -> list[str]:
    """CMB's test questions and their key; gives the stems."""
    make = choice(Length(25, 0.9), 5)
    rows = [make(speaker) for _ in range(PER_SUB_EXAM * len(SUB_EXAMS))]
    questions = [{"id": number + 1} | cmb_question(number, row) for number, row in enumerate(rows)]
    key = [{name: one[name] for name in one if name not in ("question", "option")} for one in questions]
    asked = [{name: one[name] for name in one if name != "answer"} for one in questions]
    write_json(folder / "CMB-Exam" / "CMB-test" / "CMB-test-choice-question-merge.json", asked)
    write_json(folder / "CMB-test-choice-answer.json", key)
    return [row[0] for row in rows]


def main() -> None:
    """Generate what the command line says; print what it holds."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder with a tokenizer.model")
    parser.add_argument("--seed", type=int, default=42)
    given = parser.parse_args()
    for name, counts in generate(given.folder, given.records, given.tokenizer, given.seed)[
        "datasets"
    ].items():
        print(f"{name:14}", ", ".join(f"{count:,} {what}" for what, count in counts.items()))


if __name__ == "__main__":
    main()
