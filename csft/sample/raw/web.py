"""cMedQA2, cMedDialogue, webMedQA and CMID: patients' questions on the web."""

import csv
import io
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from csft.sample import plan, wording
from csft.sample.raw.files import json_bytes, write_bytes, write_zip
from csft.sample.world import Fact, build

_HOMES = ("qa", "everywhere")
_DEPARTMENTS = {
    "Andriatria_男科": ("男科", "男科5-13000.csv"),
    "IM_内科": ("消化科", "内科5000-33000.csv"),
    "OAGD_妇产科": ("妇科", "妇产科6-28000.csv"),
    "Oncology_肿瘤科": ("肿瘤科", "肿瘤科5-10000.csv"),
    "Pediatric_儿科": ("小儿内科", "儿科5-14000.csv"),
    "Surgical_外科": ("普通外科", "外科5-14000.csv"),
}
_CLASSES = {
    "drug": ("药物", "适用症"),
    "symptom": ("病症", "临床表现(病症表现)"),
    "test": ("其他", "化验/体检方案"),
    "germ": ("病症", "病因"),
    "food": ("病症", "病症禁忌"),
    "adverse": ("药物", "副作用"),
    "department": ("治疗方案", "恢复"),
}


def write_cmedqa2(folder: Path) -> None:
    """Five zips of one table each. Some questions have two answers; one answer's question is not there.

    One training question leaks a stem of the exam's test split word for word.
    """
    rng = plan.rng_for("cmedqa2-layout")
    leak = plan.cmb_exam("test", plan.TEST_PER_SUB_EXAM)[7].choice
    asked = [(row.turns[0][0], row.facts[0]) for row in plan.consultations("cmedqa2", _HOMES, times=2)]
    asked.append((f"请教一道题：{leak.stem}", leak.fact))
    questions: list[tuple[int, str]] = []
    answers: list[tuple[int, int, str]] = []
    candidates: list[tuple[int, int, int]] = []
    for number, (text, fact) in enumerate(asked):
        question_id = 50_000_000 + 37 * number
        questions.append((question_id, text))
        for _ in range(rng.choice((1, 2))):
            answers.append((1000 + len(answers), question_id, wording.answer(fact, rng)))
        candidates.append((question_id, answers[-1][0], 1000 + rng.randrange(200)))
    candidates.append((99_999_999, 999, 1000))
    answers.append((999, 99_999_999, "问题已经删除，这条回答还在。"))
    held = [(60_000_000 + number, f"{text}急！") for number, (text, _) in enumerate(asked[:4])]
    tables: list[tuple[str, str, list[Any]]] = [
        ("question", "question_id,content", questions + held),
        ("answer", "ans_id,question_id,content", answers),
        ("train_candidates", "question_id,pos_ans_id,neg_ans_id", candidates),
    ]
    for split, (first, second) in {"dev": held[:2], "test": held[2:]}.items():
        rows = [
            (number, 1000 + cnt, cnt, int(cnt == 0)) for number, _ in (first, second) for cnt in range(10)
        ]
        tables.append((f"{split}_candidates", "question_id,ans_id,cnt,label", rows))
    for name, header, rows in tables:
        member = f"{name}.txt" if "candidates" in name else f"{name}.csv"
        write_zip(folder / f"{name}.zip", member, _csv([header.split(","), *rows]).encode())


def write_cmeddialogue(folder: Path) -> None:
    """A GB18030 table per department: quoted fields, exact doubles, 无 as a question, an undecodable row."""
    rng = plan.rng_for("cmeddialogue-layout")
    rows = list(plan.consultations("cmeddialogue", _HOMES, times=3))
    for place, (department, (name, file)) in enumerate(_DEPARTMENTS.items()):
        cells: list[list[str]] = []
        for number, row in enumerate(rows[place::6]):
            ((question, answer),) = row.turns
            fact = row.facts[0]
            title = f"{fact.entity}的{wording.label(fact, rng)}"
            if number % 9 == 4:
                answer = answer.replace("，", ",")  # ASCII commas make the field a quoted one
            if number % 11 == 5:
                question = f" {question}\n谢谢 "
            cells.append(
                [name, title + ("？" if number % 2 else ""), "无" if number == 3 else question, answer]
            )
        if place < 3:
            cells.append(list(cells[0]))
        content = _csv([["department", "title", "ask", "answer"], *cells]).encode("gb18030")
        if department == "IM_内科":
            content += "消化科,乱码,".encode("gb18030") + b"\x81\x20\xff" + ",看不清\n".encode("gb18030")
        write_bytes(folder / "Data_数据" / department / file, content)


def write_webmedqa(folder: Path) -> None:
    """Zips of tab-separated lines without a header: one chosen answer and four others per question.

    Some answers have a date glued to a time in them; one line has lost its answer column.
    """
    rng = plan.rng_for("webmedqa-layout")
    rows = list(plan.consultations("webmedqa", _HOMES, times=2))
    for split, part in (("train", rows[:-10]), ("valid", rows[-10:-5]), ("test", rows[-5:])):
        lines = []
        for number, row in enumerate(part):
            question, answer = row.turns[0]
            if number % 10 == 2:
                day, hour = rng.randint(1, 28), rng.randint(8, 20)
                answer = f"2016-05-{day:02d}{hour:02d}:30{answer}"
            others = [wording.answer(rng.choice(build().base_facts), rng) for _ in range(4)]
            for label, text in [("1", answer), *(("0", other) for other in others)]:
                lines.append("\t".join(("内科", label, str(60_000_000 + number), question, text)))
        if split == "train":
            lines.append("\t".join(("内科", "1", "69999999", "这一行没有回答")))
        content = "".join(f"{line}\n" for line in lines).encode()
        write_zip(folder / f"{split}.zip", f"medQA.{split}.txt", content)


def write_cmid(folder: Path) -> None:
    """One array, a record per line; quoted labels first, plain ones in the later third, as the set grew.

    Set aside by a reader: a text with neither entity nor intent, and an entity beyond its text.
    """
    rng = plan.rng_for("cmid-layout")
    usual = [fact for fact in (*build().facts, *build().base_facts) if fact.relation.key in _CLASSES]
    records = [
        _intent(fact, number >= 100, rng) for number, fact in enumerate(islice(_shuffled(usual, rng), 150))
    ]
    records.append(_record("今天天气不错", [], "'其他'", "'无法确定'"))
    records.append(
        _record("维林", [{"label_type": "药物", "start_pos": 0, "end_pos": 9}], "'药物'", "'用法'")
    )
    lines = [json_bytes(record, indent=None).decode() for record in records]
    write_bytes(folder / "CMID.json", ("[" + ",\n".join(lines) + "]").encode())


def _intent(fact: Fact, later: bool, rng: Random) -> dict[str, Any]:
    text = wording.question(fact, rng)
    start = text.index(fact.entity)
    kind = "药物" if fact.relation.subject == "drug" else "疾病和诊断"
    entities = [{"label_type": kind, "start_pos": start, "end_pos": start + len(fact.entity)}]
    primary, secondary = _CLASSES[fact.relation.key]
    if rng.random() < 0.1:
        secondary = rng.choice(("无法确定", "多问"))
    mark = "" if later else "'"
    return _record(
        text, entities if rng.random() < 0.8 else [], f"{mark}{primary}{mark}", f"{mark}{secondary}{mark}"
    )


def _record(text: str, entities: list[dict[str, Any]], primary: str, secondary: str) -> dict[str, Any]:
    return {
        "originalText": text,
        "entities": entities,
        "seg_result": [text[at : at + 2] for at in range(0, len(text), 2)],
        "label_4class": [primary],
        "label_36class": [secondary],
    }


def _shuffled(facts: list[Fact], rng: Random) -> list[Fact]:
    return rng.sample(facts, len(facts))


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
