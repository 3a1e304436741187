"""PubMedQA, MedMCQA and HEAD-QA: the English facts, in the files of those sets."""

from pathlib import Path
from random import Random
from typing import Any

from csft.sample import plan, wording
from csft.sample.plan import Consultation, Exercise
from csft.sample.raw.files import json_bytes, json_lines, uuid, write_bytes

_SUBJECTS = (("Medicine", "General medicine"), ("Pharmacology", None), ("Microbiology", "Rare agents"))
_EXAMS = {"B": "biology", "E": "nursery", "F": "pharmacology", "M": "medicine"}


def write_pubmedqa(folder: Path) -> None:
    """Three files with different fields, keyed by PMID; one labelled record has lost its long answer."""
    rng = plan.rng_for("pubmedqa-layout")
    rows = list(plan.consultations_en("pubmedqa", times=4))
    thirds = {"ori_pqal": rows[0::3], "ori_pqaa": rows[1::3], "ori_pqau": rows[2::3]}
    for name, part in thirds.items():
        records = {str(10_000_000 + rng.randrange(10**7)): _abstract(row, name, rng) for row in part}
        if name == "ori_pqal":
            del next(iter(records.values()))["LONG_ANSWER"]
        write_bytes(folder / "data" / f"{name}.json", json_bytes(records, ascii_only=True))


def _abstract(row: Consultation, file: str, rng: Random) -> dict[str, Any]:
    ((question, answer),) = row.turns
    record: dict[str, Any] = {
        "QUESTION": question,
        "CONTEXTS": [rng.choice(wording.FILLER_EN) for _ in range(2)],
        "LABELS": ["BACKGROUND", "RESULTS"],
        "MESHES": ["Humans", row.facts[0].entity],
    }
    if file != "ori_pqaa":
        record["YEAR"] = rng.choice((None, "2011", "2014", "2016"))
    if file == "ori_pqal":
        record |= {"reasoning_required_pred": "yes", "reasoning_free_pred": rng.choice(("yes", "no"))}
    if file != "ori_pqau":
        record["final_decision"] = "yes"
    return record | {"LONG_ANSWER": answer}


def write_medmcqa(folder: Path) -> None:
    """JSON Lines under .json, `cop` from 1; half the explanations are long and state the fact last.

    Set aside by a reader: a torn line, and a `cop` beyond the four options. Test rows have no answer.
    """
    rng = plan.rng_for("medmcqa-layout")
    rows = [
        _four_options(row, rng)
        for row in plan.exercises_en("medmcqa", times=3, options=4, explained=True, long_share=0.5)
    ]
    beyond = {**rows[0], "cop": 5, "id": uuid(rng)}
    torn = '{"question": "The drug of choice of'
    write_bytes(folder / "train.json", json_lines([*rows, beyond], planted=[torn]))
    held = [_four_options(row, rng) for row in plan.exercises_en("medmcqa-dev", times=1, options=4)]
    write_bytes(folder / "dev.json", json_lines(held[:10]))
    unanswered = [{k: v for k, v in row.items() if k not in ("cop", "exp")} for row in held[10:20]]
    write_bytes(folder / "test.json", json_lines(unanswered))


def _four_options(row: Exercise, rng: Random) -> dict[str, Any]:
    subject, topic = rng.choice(_SUBJECTS)
    choice, said = row.choice, row.explanation
    if said.count(". ") > 3:  # the published text has lost its "rt"
        said = "Impoant points. " + said
    return {
        "question": choice.stem,
        "exp": said or None,
        "cop": "ABCD".index(choice.answer) + 1,
        **{f"op{letter.lower()}": text for letter, text in choice.options.items()},
        "subject_name": subject,
        "topic_name": topic,
        "id": uuid(rng),
        "choice_type": rng.choice(("single", "single", "multi")),
    }


def write_headqa(folder: Path) -> None:
    """Exams by name, five options in training and four after it, compact escaped JSON, one .gold per exam.

    One training question names a right answer it does not offer.
    """
    rng = plan.rng_for("headqa-layout")
    base = folder / "HEAD_EN"
    train = _exams(list(plan.exercises_en("headqa", times=2)), "2013", rng)
    next(iter(train.values()))["data"][-1]["ra"] = "9"
    held = _exams(list(plan.exercises_en("headqa-dev", times=1, options=4)), "2015", rng)
    for split, exams in (("train", train), ("dev", held)):
        whole = {"version": "1.0", "language": "en", "exams": exams}
        write_bytes(base / f"{split}_HEAD_EN.json", json_bytes(whole, indent=None, ascii_only=True))
        for name, exam in exams.items():
            gold = "".join(f"{question['qid']}\t{question['ra']}\n" for question in exam["data"])
            write_bytes(base / f"{name}.gold", gold.encode())


def _exams(rows: list[Exercise], year: str, rng: Random) -> dict[str, Any]:
    exams: dict[str, Any] = {}
    for place, (letter, category) in enumerate(_EXAMS.items()):
        name = f"Cuaderno_{year}_1_{letter}"
        data = [_five_options(row, number, rng) for number, row in enumerate(rows[place::4], start=1)]
        exams[name] = {"name": name, "data": data, "category": category, "year": year}
    return exams


def _five_options(row: Exercise, number: int, rng: Random) -> dict[str, Any]:
    options = list(row.choice.options.items())
    right = [letter for letter, _ in options].index(row.choice.answer) + 1
    return {
        "qid": str(number + number // 7),  # the published numbers have gaps
        "qtext": f"{row.choice.stem}:",
        "ra": str(right),
        "answers": [{"aid": aid, "atext": text} for aid, (_, text) in enumerate(options, start=1)],
        "image": "./images/figure.jpg" if rng.random() < 0.03 else "",
    }
