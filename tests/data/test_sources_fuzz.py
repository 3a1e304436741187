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
from csft.errors import DataError
from csft.rejects import Rejects

FILES = {
    "pubmedqa": ["data/ori_pqal.json"],
    "medmcqa": ["train.json"],
    "headqa": ["HEAD_EN/train_HEAD_EN.json"],
    "cmedqa2": ["question.csv", "answer.zip", "train_candidates.csv"],
    "cmeddialogue": ["Data_数据/x/x.csv"],
    "webmedqa": ["medQA.train.txt"],
    "medicaldialog": ["train_data.json"],
    "cmid": ["CMID.json"],
    "nlpec": ["NLPEC_public_data/train.json"],
    "cmb": ["CMB-Exam/CMB-train/CMB-train-merge.json"],
    "mlecqa": ["TCM_train.json"],
    "discmed": ["DISC-Med-SFT_released.jsonl"],
    "medqajin": ["questions/US/train.jsonl"],
}
KEYS = [
    "QUESTION",
    "LONG_ANSWER",
    "question",
    "exp",
    "cop",
    "opa",
    "opb",
    "opc",
    "opd",
    "subject_name",
    "topic_name",
    "exams",
    "data",
    "category",
    "qid",
    "qtext",
    "ra",
    "answers",
    "aid",
    "atext",
    "originalText",
    "entities",
    "label_type",
    "start_pos",
    "end_pos",
    "label_4class",
    "label_36class",
    "questionText",
    "option",
    "answer",
    "subject",
    "context",
    "exam_type",
    "exam_class",
    "exam_subject",
    "question_type",
    "options",
    "conversation",
    "role",
    "content",
    "answer_idx",
    "A",
    "B",
]
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
HEADER = b"department,title,ask,answer,question_id,content\n"
FUZZ = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.txt", content)
    return file.getvalue()


def survive(dataset: str, contents: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as root:
        for name, content in zip(FILES[dataset], contents, strict=False):
            path = Path(root) / dataset / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        rejects = Rejects()
        try:
            for record in sources.read(dataset, root, rejects):
                said = [record.instruction, record.input, record.output, *sum(record.history, ())]
                "".join(said).encode()  # can be written down
                assert record.output.strip()
        except DataError as problem:
            assert dataset in str(problem)
        str(rejects).encode()


def bytes_of(value: Any, lines: bool, ascii_only: bool) -> bytes:
    rows = value if lines and isinstance(value, list) else [value]
    text = "\n".join(json.dumps(row, ensure_ascii=ascii_only) for row in rows)
    return text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("dataset", FILES)
@FUZZ
@given(
    content=st.binary(max_size=80),
    head=st.sampled_from([b"", HEADER, b"[", b"{", b"PK\x03\x04", b"\xef\xbb\xbf"]),
)
def test_random_bytes(dataset: str, content: bytes, head: bytes):
    survive(dataset, [head + content] * 3)


@pytest.mark.parametrize(
    "dataset", [name for name in FILES if name not in ("cmedqa2", "cmeddialogue", "webmedqa")]
)
@FUZZ
@given(value=VALUES, lines=st.booleans(), ascii_only=st.booleans(), wrap=st.booleans())
def test_random_json(dataset: str, value: Any, lines: bool, ascii_only: bool, wrap: bool):
    survive(dataset, [bytes_of([value] if wrap else value, lines, ascii_only)])


@pytest.mark.parametrize("dataset", ["cmedqa2", "cmeddialogue"])
@FUZZ
@given(cells=st.lists(st.lists(st.text('12,"\r\n药', max_size=4), min_size=6, max_size=6), max_size=5))
def test_random_tables(dataset: str, cells: list[list[str]]):
    table = HEADER + "\n".join(",".join(row) for row in cells).encode()
    survive(dataset, [table, zipped(table), table])


@FUZZ
@given(at=st.integers(0, 200), byte=st.integers(0, 255), keep=st.integers(0, 300))
def test_damaged_zip(at: int, byte: int, keep: int):
    table = HEADER + "科,题,问,答,1,文\n".encode()
    damaged = bytearray(zipped(table))
    damaged[min(at, len(damaged) - 1)] = byte
    survive("cmedqa2", [table, bytes(damaged[: keep or None]), table])
