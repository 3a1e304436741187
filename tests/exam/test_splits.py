"""Published layouts that load, and the ways in which a key does not fit its questions."""

import codecs
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from csft.errors import DataError, ExamError, SettingError
from csft.exam import content_hash, load_split
from csft.rejects import Rejects

VAL, QUESTIONS = "CMB-val-merge.json", "CMB-test-choice-question-merge.json"
KEY = "CMB-test-choice-answer.json"
Rows = list[dict[str, Any]]


def rows(count: int = 30) -> tuple[Rows, Rows]:
    """Test questions and their key."""
    head = {
        "exam_type": "医技考试",
        "exam_class": "医技士",
        "exam_subject": "x",
        "question_type": "单项选择题",
    }
    option = {"B": "乙", "A": "甲", "C": ""}
    key = [{"id": number, **head, "answer": "AB"[number % 2]} for number in range(1, count + 1)]
    return [{"id": one["id"], **head, "question": f"问{one['id']}", "option": option} for one in key], key


def write(folder: Path, questions: object, key: object | None = None, key_folder: Path | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / QUESTIONS).write_text(json.dumps(questions), encoding="utf-8")
    if key is not None:
        (key_folder or folder).mkdir(parents=True, exist_ok=True)
        ((key_folder or folder) / KEY).write_text(json.dumps(key), encoding="utf-8")
    return folder


def val_rows(count: int = 4, **changes: object) -> Rows:
    """Validation questions, which have an answer and an explanation but no id."""
    questions, key = rows(count)
    explained = {"explanation": "因为", **changes}
    for question in questions:
        del question["id"]
    return [
        {**one, "answer": entry["answer"], **explained} for one, entry in zip(questions, key, strict=True)
    ]


def pack(path: Path, **members: object) -> None:
    """A zip of JSON files, beside what a Mac adds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("CMB/", "")
        for name, content in members.items():
            archive.writestr(f"CMB/CMB-Exam/{name}", json.dumps(content))
            archive.writestr(f"__MACOSX/CMB/CMB-Exam/{name}", b"\0")


def table(path: Path, content: Rows) -> None:
    """A Parquet file as the hub converts it."""
    import pyarrow
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(content), path)


def test_real_questions_in_a_flat_folder(shared: Path) -> None:
    rejects = Rejects()
    questions = load_split(shared / "samples/cnmleqa", "test", rejects)
    assert len(questions) == 1500
    assert rejects.total == 0
    assert [question.id for question in questions] == list(range(1, 1501))
    assert [question.answer for question in questions[:2]] == ["D", "E"]
    assert len(content_hash(questions)) == 64
    assert content_hash(questions) != content_hash(questions[::-1])


def test_real_validation_row_gets_a_number(shared: Path) -> None:
    (question,) = load_split(shared / "samples/cmb", "val", Rejects())
    assert (question.id, question.answer) == (1, "BCDE")
    assert question.explanation


def test_a_missing_split_names_the_files_looked_for(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)test questions .*CMB-Exam/CMB-test/CMB-test-choice-question"):
        load_split(shared / "samples/cmb", "test", Rejects())
    with pytest.raises(DataError, match=r"(?s)CMB-val-merge\.json.*FreedomIntelligence/CMB"):
        load_split(tmp_path, "val", Rejects())
    with pytest.raises(SettingError, match="val or test"):
        load_split(tmp_path, "train", Rejects())


@pytest.mark.parametrize("key_place", ["", "data", "CMB-Exam", "CMB-Exam/CMB-test"])
@pytest.mark.parametrize("place", ["CMB-Exam/CMB-test", "CMB-Exam", "CMB-test", ""])
def test_every_layout(place: str, key_place: str, tmp_path: Path) -> None:
    questions, key = rows()
    write(tmp_path / place, questions, key, tmp_path / key_place)
    assert len(load_split(tmp_path, "test", Rejects())) == 30


@pytest.mark.parametrize("path", ["CMB.zip", "data/CMB.zip", "a/b/CMB-datasets.zip", "CMB-Exam/x.zip"])
@pytest.mark.parametrize("key_inside", [True, False])
def test_the_published_zip_anywhere(path: str, key_inside: bool, tmp_path: Path) -> None:
    questions, key = rows()
    members: dict[str, object] = {QUESTIONS: questions, VAL: val_rows(), "CMB-train-merge.json": []}
    pack(tmp_path / path, **members, **({KEY: key} if key_inside else {}))
    if not key_inside:
        write_key = tmp_path / "data" / KEY
        write_key.parent.mkdir(exist_ok=True)
        write_key.write_text(json.dumps(key), encoding="utf-8")
    assert len(load_split(tmp_path, "test", Rejects())) == 30
    assert [question.id for question in load_split(tmp_path, "val", Rejects())] == [1, 2, 3, 4]


@pytest.mark.parametrize("place", ["data/CMB-Exam/CMB-val", "CMB-datasets/CMB-Exam", "CMB/CMB-val", "data"])
def test_one_folder_further_down(place: str, tmp_path: Path) -> None:
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / VAL).write_text(json.dumps(val_rows()), encoding="utf-8")
    assert len(load_split(tmp_path, "val", Rejects())) == 4


@pytest.mark.parametrize(
    "name",
    [
        "CMB-Exam/{}/0000.parquet",
        "CMB-Exam/{}-00000-of-00001.parquet",
        "exam/{}/0000.parquet",
        "default/{}/0000.parquet",
        "data/{}-00000-of-00001.parquet",
        "{}/0000.parquet",
    ],
)
@pytest.mark.parametrize("as_text", [False, True])
def test_the_hubs_parquet_conversion(name: str, as_text: bool, tmp_path: Path) -> None:
    questions, key = rows()
    option: Any = "{'B': '乙', 'A': '甲'}" if as_text else {"B": "乙", "A": "甲", "F": None}
    table(tmp_path / name.format("val"), val_rows(option=option))
    table(tmp_path / name.format("test"), [{**one, "option": option, "answer": None} for one in questions])
    (tmp_path / KEY).write_text(json.dumps(key), encoding="utf-8")
    for split, count in (("val", 4), ("test", 30)):
        loaded = load_split(tmp_path, split, Rejects())
        assert len(loaded) == count
        assert loaded[0].options == {"A": "甲", "B": "乙"}


def test_earlier_names_and_parts_of_the_hubs_conversion(tmp_path: Path) -> None:
    table(tmp_path / "exam/cmb-validation.parquet", val_rows())
    assert len(load_split(tmp_path, "val", Rejects())) == 4
    for part in (0, 1):
        table(tmp_path / f"CMB-Exam/val/000{part}.parquet", val_rows())
    assert [question.id for question in load_split(tmp_path, "val", Rejects())] == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    "option",
    [
        {"B": "乙", "A": "甲", "C": None},
        "{'A': '甲', 'B': '乙', 'C': ' '}",
        '{"B": "乙", "A": "甲", "C": null}',
    ],
)
def test_options_in_every_form(option: object, tmp_path: Path) -> None:
    (tmp_path / VAL).write_text(json.dumps(val_rows(option=option)), encoding="utf-8")
    rejects = Rejects()
    questions = load_split(tmp_path, "val", rejects)
    assert [question.offered for question in questions] == [{"A": "甲", "B": "乙"}] * 4
    assert rejects.total == 0


def test_windows_line_ends_a_byte_order_mark_and_ids_as_text(tmp_path: Path) -> None:
    questions, key = rows()
    for one in questions + key[::2]:
        one["id"] = f" {one['id']}"
    for name, content in ((QUESTIONS, questions), (KEY, key)):
        text = json.dumps(content, indent=4, ensure_ascii=False).replace("\n", "\r\n")
        (tmp_path / name).write_bytes(codecs.BOM_UTF8 + text.encode())
    loaded = load_split(tmp_path, "test", Rejects())
    assert [question.id for question in loaded] == list(range(1, 31))
    assert [question.answer for question in loaded] == [entry["answer"] for entry in key]


def test_unpacked_files_count_before_the_zip_and_two_copies_are_refused(tmp_path: Path) -> None:
    pack(tmp_path / "CMB.zip", **{VAL: val_rows(2)})
    assert len(load_split(tmp_path, "val", Rejects())) == 2
    pack(tmp_path / "data/CMB.zip", **{VAL: val_rows(3)})
    with pytest.raises(
        ExamError, match=r"(?s)val-merge\.json is there 2 times.*CMB\.zip, CMB.*data/CMB\.zip"
    ):
        load_split(tmp_path, "val", Rejects())
    (tmp_path / VAL).write_text(json.dumps(val_rows(4)), encoding="utf-8")
    assert len(load_split(tmp_path, "val", Rejects())) == 4


def test_a_damaged_zip_and_a_pointer_are_named(tmp_path: Path) -> None:
    path = tmp_path / "data/CMB.zip"
    pack(path, **{VAL: val_rows()})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"CMB\.zip is not a whole zip file"):
        load_split(tmp_path, "val", Rejects())
    (tmp_path / VAL).write_text("version https://git-lfs.github.com/spec/v1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"val-merge\.json does not hold a JSON array"):
        load_split(tmp_path, "val", Rejects())


def test_validation_rows_are_numbered_by_place_or_keep_their_ids(tmp_path: Path) -> None:
    path, explained = tmp_path / VAL, val_rows(3)
    explained[0]["option"] = {}
    path.write_text(json.dumps(explained), encoding="utf-8")
    assert [question.id for question in load_split(tmp_path, "val", Rejects())] == [2, 3]
    with_ids = [{**row, "id": number} for row, number in zip(val_rows(3), (7, "8", 9), strict=True)]
    path.write_text(json.dumps(with_ids), encoding="utf-8")
    assert [question.id for question in load_split(tmp_path, "val", Rejects())] == [7, 8, 9]
    path.write_text(json.dumps([*with_ids, with_ids[0]]), encoding="utf-8")
    with pytest.raises(ExamError, match="1 ids occur more than once: 7"):
        load_split(tmp_path, "val", Rejects())
    path.write_text(json.dumps([*with_ids, val_rows(1)[0]]), encoding="utf-8")
    with pytest.raises(ExamError, match=r"1 of 4 rows carry no id \(rows 4\)"):
        load_split(tmp_path, "val", Rejects())


def test_the_key_counts_where_questions_carry_answers_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions, key = rows(3)
    own = [{**one, "answer": "B"} for one in questions]
    write(tmp_path, own, key)
    assert [question.answer for question in load_split(tmp_path, "test", Rejects())] == ["B", "A", "B"]
    assert "1 test questions carry other answers than" in capsys.readouterr().out


def test_answers_inside_the_questions_need_no_key(tmp_path: Path) -> None:
    questions, key = rows(3)
    write(tmp_path, [{**one, "answer": entry["answer"]} for one, entry in zip(questions, key, strict=True)])
    assert [question.answer for question in load_split(tmp_path, "test", Rejects())] == ["B", "A", "B"]
    write(tmp_path, questions)
    with pytest.raises(DataError, match="key of the test questions"):
        load_split(tmp_path, "test", Rejects())


def test_the_key_may_come_in_any_order(tmp_path: Path) -> None:
    questions, key = rows()
    write(tmp_path, questions, key[::-1])
    loaded = load_split(tmp_path, "test", Rejects())
    assert [question.answer for question in loaded] == [entry["answer"] for entry in key]


def test_missing_extra_and_doubled_ids_are_named(tmp_path: Path) -> None:
    questions, key = rows()
    write(tmp_path, questions, key[12:])
    with pytest.raises(
        ExamError, match="12 questions have no key: ids 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more"
    ):
        load_split(tmp_path, "test", Rejects())
    write(tmp_path, questions[:-1], key)
    with pytest.raises(ExamError, match="1 key rows have no question: ids 30"):
        load_split(tmp_path, "test", Rejects())
    write(tmp_path, questions, [*key, key[6]])
    with pytest.raises(ExamError, match=r"answer\.json: 1 ids occur more than once: 7"):
        load_split(tmp_path, "test", Rejects())
    write(tmp_path, [*questions, questions[0]], key)
    with pytest.raises(ExamError, match=r"merge\.json: 1 ids occur more than once: 1"):
        load_split(tmp_path, "test", Rejects())


def test_a_key_of_another_version_is_refused(tmp_path: Path) -> None:
    questions, key = rows()
    key[4]["exam_class"] = "医技师"
    write(tmp_path, questions, key)
    with pytest.raises(ExamError, match="another version of the exam: ids 5"):
        load_split(tmp_path, "test", Rejects())


def test_nothing_left_to_ask(tmp_path: Path) -> None:
    questions, key = rows(2)
    write(tmp_path, [{**one, "option": None} for one in questions], key)
    with pytest.raises(ExamError, match=r"no question that can be asked .2 set aside: 2 no option"):
        load_split(tmp_path, "test", Rejects())
