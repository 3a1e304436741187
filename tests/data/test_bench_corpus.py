"""The benchmarks' generated corpus is what the converters and the exam read."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from csft import data, exam, sample
from csft.files import hash_files
from csft.rejects import Rejects

BENCH = Path(__file__).resolve().parents[1] / "bench"
RECORDS = 500


@pytest.fixture(scope="module")
def corpus() -> Any:
    sys.path.append(str(BENCH))
    import corpus

    yield corpus
    sys.path.remove(str(BENCH))


@pytest.fixture(scope="module")
def made(corpus: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bench") / "corpus"
    corpus.generate(folder, RECORDS, sample.base_model_path())
    return Path(folder)


def test_the_converters_read_every_record_that_the_corpus_says_it_holds(made: Path) -> None:
    planted = json.loads((made / "corpus.json").read_text())["datasets"]
    for name, counts in planted.items():
        rejects = Rejects()
        read = list(data.read(name, made, rejects))
        assert rejects.total == counts.get("malformed", 0), name
        assert len(read) <= counts["records"] <= len(read) + 20 * rejects.total, name
        assert len({(r.instruction, r.input, r.output, r.history) for r in read}) > 0.8 * len(read), name
    assert RECORDS <= sum(counts["records"] for counts in planted.values()) < 1.1 * RECORDS
    assert sum(counts.get("exact duplicates", 0) for counts in planted.values())


def test_the_exam_is_whole(made: Path) -> None:
    rejects = Rejects()
    assert len(exam.load_split(made / "cmb", "test", rejects)) == 11_200
    assert not rejects.total


def test_the_same_seed_gives_the_same_bytes(corpus: Any, made: Path, tmp_path: Path) -> None:
    def content(folder: Path) -> str:
        return hash_files(
            [path for path in folder.rglob("*.*") if path.is_file() and path.name != "corpus.json"], folder
        )

    corpus.generate(tmp_path / "again", RECORDS, sample.base_model_path())
    assert content(tmp_path / "again") == content(made)
    corpus.generate(tmp_path / "other", RECORDS, sample.base_model_path(), seed=7)
    assert content(tmp_path / "other") != content(made)


def test_another_corpus_in_the_folder_is_not_taken_for_this_one(corpus: Any, made: Path) -> None:
    with pytest.raises(SystemExit, match="another corpus"):
        corpus.generate(made, RECORDS + 1, sample.base_model_path())
