"""Finding raw files, damaged files, and the streaming JSON reader."""

import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

from csft.data import sources
from csft.data.catalog import DATASETS
from csft.data.sources import json_stream
from csft.errors import DataError, SettingError
from csft.rejects import Rejects


def test_unknown_dataset_lists_the_known_ones(tmp_path: Path):
    with pytest.raises(SettingError, match=r"dataset=pubmed cannot be used.*pubmedqa, medmcqa"):
        sources.read("pubmed", tmp_path)


@pytest.mark.parametrize("dataset", DATASETS)
def test_missing_dataset_is_named_at_once(dataset: str, tmp_path: Path):
    with pytest.raises(DataError) as caught:
        sources.read(dataset, tmp_path)  # not yet iterated
    message = str(caught.value)
    entry = DATASETS[dataset]
    for part in (dataset, str(tmp_path / dataset), "does not exist", entry.source, entry.terms):
        assert part in message


def test_catalogue_totals_are_table_one():
    english = [entry.instructions or 0 for entry in DATASETS.values() if entry.language == "en"]
    topics = [entry.topics or 0 for entry in DATASETS.values() if entry.language == "zh"]
    assert len(DATASETS) == 13
    assert list(DATASETS)[-1] == "medqajin"
    assert sum(english) == 458_997
    assert sum(topics) == 4_745_140


def test_git_lfs_pointer_is_named(tmp_path: Path):
    path = tmp_path / "webmedqa/train.zip"
    path.parent.mkdir()
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 59919275\n")
    with pytest.raises(DataError, match=r"train\.zip is a Git LFS pointer.*git lfs pull"):
        sources.read("webmedqa", tmp_path)


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_truncated_zip_is_named(kept: float, tmp_path: Path):
    path = tmp_path / "webmedqa/train.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("medQA.train.txt", "".join(f"科\t1\t{n}\t问{n}\t答{n}\n" for n in range(2000)))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(DataError, match=r"train\.zip.*download it again"):
        list(sources.read("webmedqa", tmp_path))


def test_zip_with_a_flipped_byte_is_named(tmp_path: Path):
    path = tmp_path / "webmedqa/train.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("medQA.train.txt", "科\t1\t1\t问\t答\n" * 50)
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged or cut short"):
        list(sources.read("webmedqa", tmp_path))


def test_bad_lines_are_counted_with_their_place(tmp_path: Path):
    good = b'{"question": "q", "options": {"A": "a", "B": "b"}, "answer_idx": "B"}\n'
    path = tmp_path / "medqajin/questions/US/train.jsonl"
    path.parent.mkdir(parents=True)
    deep = b"[" * 200_000 + b"\n"
    surrogate = good.replace(b'"q"', rb'"\ud83d"')
    path.write_bytes(good + b"{\n\n" + b'{"question": "\xff"}\n' + deep + surrogate + b"7\n" + good[:-1])
    rejects = Rejects()
    assert len(list(sources.read("medqajin", tmp_path, rejects))) == 2
    assert rejects.examples == {
        "not JSON": ["US/train.jsonl:2", "US/train.jsonl:5"],
        "not valid UTF-8": ["US/train.jsonl:4"],
        "not valid Unicode": ["US/train.jsonl:6"],
        "record is not an object": ["US/train.jsonl:7"],
    }


def elements(tmp_path: Path, text: str | bytes, kind: str = "array") -> tuple[list[Any], Rejects]:
    path = tmp_path / "x.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    rejects = Rejects()
    read = json_stream.json_array if kind == "array" else json_stream.json_object
    return list(read(path, rejects)), rejects


@pytest.mark.parametrize("window", [1, 2, 3, 7, 64, 4096])
@pytest.mark.parametrize("indent", [None, 4])
def test_stream_equals_the_whole_file_reader(
    window: int, indent: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(json_stream, "WINDOW", window)
    draw = random.Random(window)
    values: list[Any] = [
        123456789, -1.5e-7, 2e300, True, None, "", "病人：\\\"]}😀\n", [], {}, [[1], {"a": [2, {"b": "，"}]}],
        "x" * 999,
    ]  # fmt: skip
    values += [draw.choice(values) for _ in range(30)]
    for ascii_only in (True, False):
        text = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
        found, _ = elements(tmp_path, text)
        assert [value for _, value in found] == values
        if indent is None:
            continue
        for (where, _), value in zip(found[:6], values, strict=False):
            line = int(where.rsplit(":", 1)[1])
            assert json.loads(text.split("\n")[line - 1].strip().rstrip(",")) == value
    table = {str(number): value for number, value in enumerate(values)}
    found, _ = elements(tmp_path, json.dumps(table, indent=indent), "object")
    assert [value for _, value in found] == values


@pytest.mark.parametrize(
    "text",
    ["", "  ", "{}", "7", "[1, 2", "[1,]", "[1 2]", '["a', "[1] [2]", "[tru]", "[1, nope, 2]", "[" * 99_999],
)
def test_what_is_no_array_is_named(text: str, tmp_path: Path):
    with pytest.raises(DataError, match=r"x\.json"):
        elements(tmp_path, text)


@pytest.mark.parametrize("text", ["[]", '{"a" 1}', '{"a": 1', "{1: 2}", "{1", '{"a": 1}}'])
def test_what_is_no_object_is_named(text: str, tmp_path: Path):
    with pytest.raises(DataError, match=r"x\.json"):
        elements(tmp_path, text, "object")


def test_an_element_that_is_not_utf8_is_set_aside(tmp_path: Path):
    found, rejects = elements(tmp_path, b'\xef\xbb\xbf["a",\n"\xff\xfe",\n"b"]')
    assert [value for _, value in found] == ["a", "b"]
    assert list(rejects.examples) == ["not valid UTF-8"]
    assert rejects.examples["not valid UTF-8"][0].endswith("x.json:2")


def test_a_mistake_early_in_a_big_file_is_found_without_reading_on(tmp_path: Path):
    path = tmp_path / "x.json"
    path.write_text("[1, oops," + " " * 20_000_000 + "]")
    reads = []
    original = json_stream._Window._grow
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_stream._Window, "_grow", lambda self: (reads.append(1), original(self))[1])
        with pytest.raises(DataError, match="line 1"):
            list(json_stream.json_array(path, Rejects()))
    assert len(reads) <= 2
