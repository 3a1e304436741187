"""Finding raw files, and damaged ones."""

import zipfile
from pathlib import Path

import pytest

from csft.data import sources
from csft.data.catalog import DATASETS
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
