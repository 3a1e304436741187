"""Whatever lies in a dataset's file, reading gives records, counts or a DataError, and nothing else."""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csft.data import sources
from csft.data.alpaca import Alpaca
from csft.errors import DataError
from csft.rejects import Rejects

# (dataset, files below its folder); a zip holds the content as its member of the name behind the `!`.
LAYOUTS = [
    ("pubmedqa", ["data/ori_pqal.json"]),
    ("pubmedqa", ["pqa_labeled/train-0.parquet"]),
    ("medmcqa", ["train.json"]),
    ("medmcqa", ["data.zip!train.json"]),
    ("medmcqa", ["data/train-0.parquet"]),
    ("headqa", ["HEAD_EN/train_HEAD_EN.json"]),
    ("headqa", ["en/train.json"]),
    ("cmedqa2", ["question.csv", "answer.zip!x.txt", "train_candidates.csv"]),
    ("cmeddialogue", ["Data_数据/x/x.csv"]),
    ("webmedqa", ["medQA.train.txt"]),
    ("webmedqa", ["train.zip!medQA.train.txt"]),
    ("medicaldialog", ["train_data.json"]),
    ("medicaldialog", ["train.jsonl"]),
    ("medicaldialog", ["raw_zh/1.txt"]),
    ("cmid", ["CMID.json"]),
    ("nlpec", ["NLPEC_public_data/train.json"]),
    ("cmb", ["CMB-Exam/CMB-train/CMB-train-merge.json"]),
    ("cmb", ["CMB.zip!CMB-train-merge.json"]),
    ("mlecqa", ["TCM_train.json"]),
    ("discmed", ["DISC-Med-SFT_released.jsonl"]),
    ("medqajin", ["questions/US/train.jsonl"]),
    ("medqajin", ["data_clean.zip!questions/US/train.jsonl"]),
]
IDS = [f"{dataset}-{files[0]}" for dataset, files in LAYOUTS]
each_layout = pytest.mark.parametrize(("dataset", "files"), LAYOUTS, ids=IDS)
KEYS = [
    "QUESTION", "LONG_ANSWER", "question", "exp", "cop", "opa", "opb", "opc", "opd", "subject_name",
    "topic_name", "exams", "data", "category", "qid", "qtext", "ra", "answers", "aid", "atext",
    "originalText", "entities", "label_type", "start_pos", "end_pos", "label_4class", "label_36class",
    "questionText", "option", "answer", "subject", "context", "exam_type", "exam_class", "exam_subject",
    "question_type", "options", "conversation", "role", "content", "answer_idx", "A", "B", "utterances",
    "long_answer",
]  # fmt: skip
TEXTS = st.text(max_size=5) | st.sampled_from(
    ["A", "2", "user", "assistant", "病人：疼", "医生：好", "\ud800", "药物"]
)
LEAVES = st.none() | st.booleans() | st.integers(-2, 10**30) | st.floats() | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | TEXTS, inner, max_size=8)
    ),
    max_leaves=25,
)
PARQUET = {
    "cmb": "exam/train/0.parquet",
    "medmcqa": "data/train-0.parquet",
    "headqa": "en/train/0.parquet",
    "pubmedqa": "pqa_labeled/train/0.parquet",
    "medicaldialog": "processed.zh/train/0.parquet",
    "discmed": "default/train/0.parquet",
}
CHOICES = {"A": "甲", "B": "乙"}
EXAM = {"exam_type": "x", "exam_class": "y", "exam_subject": "z", "question_type": "单项选择题"}
SAID = [{"role": "user", "content": "疼"}, {"role": "assistant", "content": "药"}]
LABELS = {"label_4class": ["病症"], "label_36class": []}
GOOD: dict[str, tuple[str, Any]] = {
    "cmb": ("CMB-train-merge.json", {**EXAM, "question": "问", "answer": "A", "option": CHOICES}),
    "medicaldialog": ("train_data.json", ["病人：疼", "医生：药"]),
    "discmed": ("DISC-Med-SFT_released.jsonl", {"conversation": SAID}),
    "medqajin": ("questions/US/train.jsonl", {"question": "Q", "options": CHOICES, "answer_idx": "A"}),
    "mlecqa": ("TCM_train.json", {"qtext": "Q", "options": CHOICES, "answer": "A"}),
    "nlpec": ("train.json", {"questionText": "Q", "option": ["甲"], "answer": ["1"], "context": ["一"]}),
    "medmcqa": ("train.json", {"question": "Q", "cop": 1, "subject_name": "S", "opa": "a", "opb": "b"}),
    "cmid": ("CMID.json", {"originalText": "疼", "entities": [], **LABELS}),
}
HEADER = b"department,title,ask,answer,question_id,content\n"
TALK = "id=1\nDescription\n疾病：\n感冒\nDialogue\n病人：\n疼\n医生：\n药\n"
FUZZ = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


def zipped(member: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(member, content)
    return file.getvalue()


def survive(dataset: str, contents: dict[str, bytes]) -> list[Alpaca]:
    """Read what lies there; the records, none after a DataError."""
    records = []
    with tempfile.TemporaryDirectory() as root:
        for name, content in contents.items():
            outer, _, member = name.partition("!")
            path = Path(root) / dataset / outer
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(zipped(member, content) if member else content)
        rejects = Rejects()
        try:
            for record in sources.read(dataset, root, rejects):
                said = [record.instruction, record.input, record.output, *sum(record.history, ())]
                "".join(said).encode()  # can be written down
                assert record.output.strip()
                records.append(record)
            assert records or rejects.total or rejects.topics  # never silence
        except DataError as problem:
            assert dataset in str(problem)
        str(rejects).encode()
    return records


def bytes_of(value: Any, lines: bool, ascii_only: bool) -> bytes:
    rows = value if lines and isinstance(value, list) else [value]
    text = "\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in rows)
    return text.encode("utf-8", "surrogatepass")


@each_layout
@FUZZ
@given(
    content=st.binary(max_size=80),
    head=st.sampled_from([b"", HEADER, b"[", b"{", b"PK\x03\x04", b"\xef\xbb\xbf", b"PAR1", TALK.encode()]),
)
def test_random_bytes(dataset: str, files: list[str], content: bytes, head: bytes) -> None:
    survive(dataset, dict.fromkeys(files, head + content))


@pytest.mark.parametrize(("dataset", "files"), [one for one in LAYOUTS if "json" in one[1][0]])
@FUZZ
@given(value=VALUES, lines=st.booleans(), ascii_only=st.booleans(), wrap=st.booleans())
def test_random_json(
    dataset: str, files: list[str], value: Any, lines: bool, ascii_only: bool, wrap: bool
) -> None:
    survive(dataset, {files[0]: bytes_of([value] if wrap else value, lines, ascii_only)})


@pytest.mark.parametrize(("dataset", "files"), [one for one in LAYOUTS if one[0].startswith("cmed")])
@FUZZ
@given(cells=st.lists(st.lists(st.text('12,"\r\n药', max_size=4), min_size=6, max_size=6), max_size=5))
def test_random_tables(dataset: str, files: list[str], cells: list[list[str]]) -> None:
    survive(dataset, dict.fromkeys(files, HEADER + "\n".join(",".join(row) for row in cells).encode()))


@FUZZ
@given(lines=st.lists(st.sampled_from(TALK.splitlines()) | st.text(max_size=5), max_size=20))
def test_random_consultations(lines: list[str]) -> None:
    text = "\n".join(lines).encode("utf-8", "surrogatepass")
    survive("medicaldialog", {"raw_zh/1.txt": text})


@pytest.mark.parametrize("dataset", PARQUET)
@FUZZ
@given(columns=st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1))
def test_random_parquet(dataset: str, columns: dict[str, Any]) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = io.BytesIO()
    try:
        parquet.write_table(pa.table({name: [value, None] for name, value in columns.items()}), file)
    except (pa.ArrowException, OverflowError, UnicodeEncodeError):
        return  # no table can hold this value
    survive(dataset, {PARQUET[dataset]: file.getvalue()})


@FUZZ
@given(at=st.integers(0, 200), byte=st.integers(0, 255), keep=st.integers(0, 300))
def test_damaged_zip(at: int, byte: int, keep: int) -> None:
    table = HEADER + "科,题,问,答,1,文\n".encode()
    damaged = bytearray(zipped("x.txt", table))
    damaged[min(at, len(damaged) - 1)] = byte
    contents = {
        "question.csv": table,
        "answer.zip": bytes(damaged[: keep or None]),
        "train_candidates.csv": table,
    }
    survive("cmedqa2", contents)


@pytest.mark.parametrize("dataset", GOOD)
@FUZZ
@given(bad=VALUES)
def test_a_bad_record_costs_no_other(dataset: str, bad: Any) -> None:
    (name, good), row = GOOD[dataset], json.dumps(bad)
    lines = [json.dumps(good, ensure_ascii=False), row, json.dumps(good, ensure_ascii=False)]
    array = name.endswith(("merge.json", "data.json"))
    text = f"[{','.join(lines)}]" if array else "\n".join(lines)
    records = survive(dataset, {name: text.encode()})
    assert records[0] == records[-1]
    assert len(records) >= 2
