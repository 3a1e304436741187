"""Every layout of a dataset gives the same records; the published one goes before its copies."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from csft.data import sources
from csft.data.alpaca import Alpaca
from csft.errors import DataError
from csft.rejects import Rejects

Rows = list[dict[str, Any]]
CMB = {"exam_type": "药师考试", "exam_class": "初级药师", "exam_subject": "药学", "question": "问",
       "answer": "A", "question_type": "单项选择题", "option": {"A": "甲", "B": "乙"}}  # fmt: skip
MCQ = {"question": "Q", "exp": "E", "cop": 2, "subject_name": "S", "topic_name": None,
       "opa": "a", "opb": "b", "opc": "c", "opd": "d"}  # fmt: skip
HEAD = {"qid": "1", "qtext": "Q", "ra": "2", "answers": [{"aid": 1, "atext": "a"}, {"aid": 2, "atext": "b"}]}
EXAM = {"exams": {"E": {"name": "E", "year": "2013", "category": "biology", "data": [HEAD]}}}
HUB_HEAD = {**HEAD, "qid": 1, "ra": 2, "category": "biology", "name": "E", "year": "2013", "image": None}
TALK = ["病人：一", "医生：二", "病人：三", "医生：四"]
CHAT = {"_id": "1", "source": "x", "conversation": [{"role": "user", "content": "一"},
        {"role": "assistant", "content": "二"}]}  # fmt: skip
REGION = {"question": "Q", "options": {"A": "a", "B": "b"}, "answer": "b", "answer_idx": "B"}
EXAM_ROW = {"qtext": "问", "options": {"A": "甲", "B": "乙"}, "answer": "B"}
PHARMACY = {"questionText": "问", "option": ["甲"], "answer": ["1"], "context": ["一"]}
TALKED = "id=1\nhttp://x\n\nDialogue\n病人：\n一\n医生：\n二\n病人：\n三\n医生：\n四\n"


def array(*rows: Any) -> bytes:
    return json.dumps(rows, ensure_ascii=False, indent=4).encode()


def jsonl(*rows: Any) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def table(*rows: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(list(rows)), path)

    return write


def packed(member: str, content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("top/readme.md", "not data")
            archive.writestr(f"top/{member}", content)

    return write


# Per dataset, in the order in which they are looked for.
LAYOUTS: dict[str, dict[str, bytes | Callable[[Path], None]]] = {
    "cmb": {
        "CMB-Exam/CMB-train/CMB-train-merge.json": array(CMB),
        "CMB-train/CMB-train-merge.json": array({**CMB, "option": str(CMB["option"])}),
        "CMB-train-merge.json": array(CMB),
        "CMB.zip": packed("CMB-Exam/CMB-train/CMB-train-merge.json", array(CMB)),
        "exam/train/0000.parquet": table({**CMB, "option": {"A": "甲", "B": "乙", "E": None}}),
        "exam/train-00000-of-00001.parquet": table({**CMB, "option": "{'A': '甲', 'B': '乙'}"}),
    },
    "medmcqa": {
        "train.json": jsonl(MCQ),
        "data.zip": packed("train.json", jsonl(MCQ)),
        "data/train-00000-of-00001.parquet": table({**MCQ, "cop": 1}),
        "default/train/0000.parquet": table({**MCQ, "cop": 1}),
    },
    "headqa": {
        "HEAD_EN/train_HEAD_EN.json": json.dumps(EXAM).encode(),
        "train_HEAD_EN.json": json.dumps(EXAM).encode(),
        "data/head-qa-es-en-pdfs.zip": packed("HEAD_EN/train_HEAD_EN.json", json.dumps(EXAM).encode()),
        "en/train-00000-of-00001.parquet": table(HUB_HEAD),
        "en/train/0000.parquet": table({**HUB_HEAD, "answers": {"aid": [2, 1], "atext": ["b", "a"]}}),
        "en/train.jsonl": jsonl({**HUB_HEAD, "answers": {"aid": [1, 2], "atext": ["a ", "b"]}}),
        "train.json": array(HUB_HEAD),
    },
    "pubmedqa": {
        "data/ori_pqal.json": json.dumps({"1": {"QUESTION": "q", "LONG_ANSWER": "a"}}).encode(),
        "ori_pqal.json": json.dumps({"1": {"QUESTION": "q", "LONG_ANSWER": "a"}}).encode(),
        "pqa_labeled/train-00000-of-00001.parquet": table(
            {"pubid": 1, "question": "q", "context": {"contexts": ["c"]}, "long_answer": "a"}
        ),
        "pqa_labeled/train/0000.parquet": table({"question": "q", "long_answer": "a"}),
    },
    "medicaldialog": {
        "train_data.json": array(TALK),
        "processed_zh/train_data.json": array(TALK),
        "processed-chinese.zip": packed("processed-chinese/train_data.json", array(TALK)),
        "processed.zh/train-00000-of-00001.parquet": table({"utterances": TALK}),
        "processed.zh/train/0000.parquet": table({"utterances": TALK}),
        "train.jsonl": jsonl({"utterances": TALK}),
        "2010.txt": TALKED.encode(),
        "raw_zh/qa_zh_1.txt": TALKED.encode(),
        "Medical-Dialogue-Dataset-Chinese.zip": packed("Chinese/2010.txt", TALKED.encode()),
    },
    "discmed": {
        "DISC-Med-SFT_released.jsonl": jsonl(CHAT),
        "released.zip": packed("DISC-Med-SFT_released.jsonl", jsonl(CHAT)),
        "default/train/0000.parquet": table(CHAT),
    },
    "medqajin": {
        "questions/US/train.jsonl": jsonl(REGION),
        "data_clean/questions/US/train.jsonl": jsonl(REGION),
        "US/train.jsonl": jsonl(REGION),
        "data_clean.zip": packed("data_clean/questions/US/train.jsonl", jsonl(REGION)),
    },
    "mlecqa": {
        "TCM_train.json": array(EXAM_ROW),
        "MLEC-QA/TCM_train.json": array(EXAM_ROW),
        "MLEC-QA.zip": packed("TCM_train.json", array(EXAM_ROW)),
    },
    "nlpec": {
        "NLPEC_public_data/train.json": jsonl(PHARMACY),
        "train.json": jsonl(PHARMACY),
        "NLPEC.zip": packed("NLPEC_public_data/train.json", jsonl(PHARMACY)),
    },
}


def put(folder: Path, name: str, content: bytes | Callable[[Path], None]) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content) if isinstance(content, bytes) else content(path)
    return path


def read(dataset: str, root: Path) -> tuple[list[Alpaca], Rejects]:
    rejects = Rejects()
    return list(sources.read(dataset, root, rejects)), rejects


@pytest.mark.parametrize(
    ("dataset", "name"), [(one, name) for one, names in LAYOUTS.items() for name in names]
)
def test_each_layout_gives_the_records_of_the_published_one(dataset: str, name: str, tmp_path: Path) -> None:
    first, content = next(iter(LAYOUTS[dataset].items()))
    put(tmp_path / "published" / dataset, first, content)
    put(tmp_path / "here" / dataset, name, LAYOUTS[dataset][name])
    expected, _ = read(dataset, tmp_path / "published")
    records, rejects = read(dataset, tmp_path / "here")
    assert records == expected
    assert expected
    assert str(rejects) == "none set aside"
    assert rejects.topics == 1


@pytest.mark.parametrize("dataset", LAYOUTS)
def test_the_published_layout_goes_first(dataset: str, tmp_path: Path) -> None:
    paths = [put(tmp_path / dataset, name, content) for name, content in LAYOUTS[dataset].items()]
    while paths:
        assert sources.raw_files(dataset, tmp_path) == [paths[0]]
        paths.pop(0).unlink()


def test_pubmedqa_takes_each_part_where_it_is(tmp_path: Path) -> None:
    put(tmp_path / "pubmedqa", "ori_pqal.json", b'{"1": {"QUESTION": "l", "LONG_ANSWER": "a"}}')
    for part in ("labeled", "artificial"):
        row = {"question": part, "long_answer": "a"}
        put(tmp_path / "pubmedqa", f"pqa_{part}/train-00000-of-00001.parquet", table(row))
    records, _ = read("pubmedqa", tmp_path)
    assert sorted(record.instruction for record in records) == ["artificial", "l"]


@pytest.mark.parametrize("dataset", ["cmb", "medmcqa", "headqa", "medicaldialog", "medqajin", "mlecqa"])
def test_a_damaged_archive_is_named_and_not_overlooked(dataset: str, tmp_path: Path) -> None:
    name, content = next((name, one) for name, one in LAYOUTS[dataset].items() if name.endswith(".zip"))
    path = put(tmp_path / dataset, name, content)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="is not a whole zip file"):
        read(dataset, tmp_path)


@pytest.mark.parametrize(
    ("dataset", "name", "content"),
    [
        ("discmed", "DISC-Med-SFT_released.jsonl", b""),
        ("cmb", "CMB-train-merge.json", b"[]"),
        ("webmedqa", "medQA.train.txt", b"\n\n"),
        ("headqa", "train_HEAD_EN.json", b'{"exams": {}}'),
    ],
)
def test_a_file_without_a_record_is_named(dataset: str, name: str, content: bytes, tmp_path: Path) -> None:
    put(tmp_path / dataset, name, content)
    with pytest.raises(DataError, match=f"{dataset}: there is no record in .*{name}"):
        read(dataset, tmp_path)
