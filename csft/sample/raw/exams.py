"""NLPEC, MLEC-QA and MedQA (Jin): exam questions beside CMB's own."""

from pathlib import Path
from random import Random
from typing import Any

from csft.sample import plan, wording
from csft.sample.plan import Exercise
from csft.sample.raw.files import json_bytes, json_lines, uuid, write_bytes

_FIELDS = ("Clinic", "Stomatology", "PublicHealth", "TCM", "CWM")
_HOMES = ("exam", "everywhere")
# Traditional forms of what the frames are written in; names keep their spelling.
_TRADITIONAL = str.maketrans(
    "关于叙项选药应时记复习诊检查确现导护点损状词结论标创组并发体",
    "關於敘項選藥應時記復習診檢查確現導護點損狀詞結論標創組併發體",
)


def write_nlpec(folder: Path) -> None:
    """JSON Lines: 1-based answers as strings, one context per option, often the same long one for all.

    Set aside by a reader: an answer beyond the options.
    """
    rng = plan.rng_for("nlpec-layout")
    rows = [_passage(row, number, rng) for number, row in enumerate(plan.explained("nlpec", times=3))]
    rows.append({**rows[0], "questionId": 1009999, "answer": ["9"]})
    write_bytes(folder / "NLPEC_public_data" / "train.json", json_lines(rows))


def _passage(row: Exercise, number: int, rng: Random) -> dict[str, Any]:
    choice = row.choice
    letters = list(choice.options)
    contexts = [row.explanation] * len(letters)
    if number % 4 == 3:  # a passage of its own per option; the right one's states the fact
        contexts = [
            row.explanation if letter == choice.answer[-1] else wording.FILLER[place]
            for place, letter in enumerate(letters)
        ]
    record = {
        "questionType": "多项选择题" if choice.fact.relation.several else "最佳选择题",
        "questionId": 1000000 + number,
        "questionText": choice.stem,
        "optionImg": [],
        "questionImg": [],
        "option": list(choice.options.values()),
        "answer": [str(letters.index(letter) + 1) for letter in choice.answer],
        "audiourl": "",
        "subject": rng.choice(("药学专业知识（一）", "药学专业知识（二）", "药学综合知识与技能")),
        "backgroundText": "",
        "time": "20200227",
        "q_s": "",
        "context_s": [],
        "option_s": [],
        "context": contexts,
    }
    if number % 10 == 9:
        del record["subject"]
    return record


def write_mlecqa(folder: Path) -> None:
    """An array per field, blanks in full-width brackets; one answer letter is not among the options."""
    rng = plan.rng_for("mlecqa-layout")
    rows = list(plan.exercises("mlecqa", plan.at_home(*_HOMES), times=2))
    for place, field in enumerate(_FIELDS):
        records = [_licence(row, rng) for row in rows[place::5]]
        if field == "TCM":
            records.append({**records[0], "qid": uuid(rng), "answer": "F"})
        for split, part in (("train", records), ("dev", records[:2]), ("test", records[2:4])):
            write_bytes(folder / f"{field}_{split}.json", json_bytes(part))


def _licence(row: Exercise, rng: Random) -> dict[str, Any]:
    record: dict[str, Any] = {
        "qid": uuid(rng),
        "qtype": rng.choice(("A1型题", "A2型题", "A3/A4型题")),
        "qtext": row.choice.stem,
        "options": row.choice.options,
        "answer": row.choice.answer,
    }
    return record | ({"qimage": "figure.png"} if rng.random() < 0.02 else {})


def write_medqajin(folder: Path) -> None:
    """Three regions of JSON Lines: Mainland five options, Taiwan four in traditional script, US English.

    One Mainland row has no answer letter.
    """
    mainland = [
        _row(row, "第三部分　常见疾病") for row in plan.exercises("medqajin", plan.at_home(*_HOMES), times=1)
    ]
    broken = {key: value for key, value in mainland[0].items() if key != "answer_idx"}
    taiwan = [
        _row(row, "taiwanese_test_Q", traditional=True)
        for row in list(plan.exercises("medqajin-tw", plan.at_home("everywhere"), times=1, options=4))
    ]
    us = [_row(row, "step1", answer_first=True) for row in plan.exercises_en("medqajin-us", times=2)]
    for region, rows in (("Mainland", [*mainland, broken]), ("Taiwan", taiwan), ("US", us)):
        write_bytes(folder / "questions" / region / "train.jsonl", json_lines(rows))


def _row(row: Exercise, meta: str, traditional: bool = False, answer_first: bool = False) -> dict[str, Any]:
    choice = row.choice
    stem = _traditional(choice.stem, choice.fact.entity) if traditional else choice.stem
    answer = {"answer": wording.joined(choice.fact.values)}
    options = {"options": choice.options}
    middle = answer | options if answer_first else options | answer
    return {"question": stem} | middle | {"meta_info": meta, "answer_idx": choice.answer}


def _traditional(text: str, name: str) -> str:
    return name.join(part.translate(_TRADITIONAL) for part in text.split(name))
