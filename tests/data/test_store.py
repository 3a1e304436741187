"""Preparing datasets: what is kept in the cache, and when it is built anew."""

import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from csft import data
from csft.cmb import Question
from csft.data.preparation import Prepared
from csft.data.store import open_store
from csft.data.template import encode_texts
from csft.errors import DataError, SettingError

Make = Callable[..., Mapping[str, Prepared]]
EXAM = Question(
    1, "医师考试", "执业医师", "", "单项选择题", "感冒了怎么办最合适", {"A": "休息", "B": "跑步"}, "A"
)


@pytest.fixture
def make(root: Path, tmp_path: Path, letters: Any) -> Make:
    def run(
        datasets: tuple[str, ...] = ("discmed", "webmedqa"),
        tokenizer_hash: str = "t",
        template: str = "intern2",
        exam: Mapping[str, list[Question]] | None = None,
    ) -> Mapping[str, Prepared]:
        return data.prepare(
            datasets,
            root,
            letters,
            tokenizer_hash,
            template,
            exam_questions=exam or {},
            cache=tmp_path / "cache",
        )

    return run


def stores(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "cache" / "tokens").iterdir()}


def test_counts_say_what_was_read_kept_and_set_aside(make: Make) -> None:
    one = make()["discmed"]
    assert (one.read, one.kept, len(one.store)) == (8, 6, 6)
    assert one.rejects == {"exact duplicate": 2}


def test_the_store_gives_back_what_the_tokenizer_gave(make: Make, letters: Any) -> None:
    block = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    said = [("我头疼", "多喝水。"), ("还是疼", "吃药。"), ("谢谢", "不客气。")]
    expected = [encode_texts(letters, [block.format(user), answer]) for user, answer in said]
    assert [list(turn) for turn in make()["discmed"].store.record(2)] == expected


def test_a_dialogues_turns_are_stored_once(make: Make) -> None:
    store = make()["discmed"].store
    assert store.turns.tolist() == [1, 2, 3, 1, 2, 3]
    assert store.first.tolist() == [0, 0, 0, 3, 3, 3]
    assert store.closing.tolist() == [1] * 6


def test_a_second_call_builds_nothing(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make()
    monkeypatch.setattr("csft.data.preparation.write_store", None)
    monkeypatch.setattr("csft.data.screened.sources.read", None)
    again = make()
    assert [one.hash for one in again.values()] == [one.hash for one in first.values()]
    assert make(template="intern2_2025")["discmed"].store.folder == first["discmed"].store.folder


def test_a_changed_file_tokenizer_or_exam_is_never_served_stale(
    make: Make, root: Path, tmp_path: Path
) -> None:
    before = make()
    assert len(stores(tmp_path)) == 2
    make(tokenizer_hash="other")
    assert len(stores(tmp_path)) == 4
    screened = make(exam={"test": [EXAM]})
    assert len(stores(tmp_path)) == 6
    assert screened["discmed"].hash == before["discmed"].hash
    file = root / "webmedqa" / "medQA.train.txt"
    file.write_text(file.read_text(encoding="utf-8").replace("休息", "睡觉"), encoding="utf-8")
    assert make()["webmedqa"].hash == before["webmedqa"].hash  # unknown characters: the same ids
    assert len(stores(tmp_path)) == 7


def test_exam_overlap_is_counted_by_split(make: Make, root: Path) -> None:
    file = root / "webmedqa" / "medQA.train.txt"
    file.write_text("1\t1\t内科\t感冒了，怎么办最合适？\t休息。\n", encoding="utf-8")
    one = make(exam={"select": [EXAM]})["webmedqa"]
    assert (one.kept, dict(one.rejects)) == (0, {"overlaps exam select": 1})
    with pytest.raises(SettingError, match="mix="):
        data.draw({"webmedqa": 1.0}, {"webmedqa": len(one.store)})


def damage_byte(folder: Path) -> None:
    content = bytearray((folder / "tokens.bin").read_bytes())
    content[3] ^= 1
    (folder / "tokens.bin").write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        damage_byte,
        lambda folder: (folder / "tokens.bin").write_bytes(b""),
        lambda folder: (folder / "pieces.bin").unlink(),
        lambda folder: (folder / "meta.json").write_text("{"),
        lambda folder: (folder / "meta.json").write_text("{}"),
        lambda folder: (folder / "meta.json").unlink(),
    ],
)
def test_a_damaged_store_is_said_and_built_again(
    make: Make, damage: Callable[[Path], None], capsys: pytest.CaptureFixture[str]
) -> None:
    before = make()["discmed"]
    rows = [before.store.record(number) for number in range(6)]
    damage(before.store.folder)
    with pytest.raises(DataError, match="cannot be used"):
        open_store(before.store.folder)
    after = make()["discmed"]
    assert "It is built again." in capsys.readouterr().out
    assert after.hash == before.hash
    assert [after.store.record(number) for number in range(6)] == rows


def test_damaged_screened_records_are_read_again(make: Make, tmp_path: Path) -> None:
    make()
    shutil.rmtree(tmp_path / "cache" / "tokens")
    for path in (tmp_path / "cache" / "screened").glob("*/records.parquet"):
        path.write_bytes(path.read_bytes()[:-9])
    assert make()["discmed"].kept == 6


def test_a_killed_writer_leaves_nothing_that_is_taken_for_a_store(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("csft.data.store._Writer.finish", die)
        make()
    assert stores(tmp_path) == set()
    assert make()["discmed"].kept == 6


def test_several_starting_at_once_agree(make: Make) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: make()["discmed"].hash, range(4)))
    assert len(set(results)) == 1


def test_all_missing_datasets_are_named_with_where_they_come_from(make: Make) -> None:
    with pytest.raises(DataError) as raised:
        make(("discmed", "cmb", "cmid"))
    message = str(raised.value)
    assert "FreedomIntelligence/CMB" in message and "ishine/CMID" in message and "discmed" not in message


def test_what_was_left_out_can_be_read(make: Make, tmp_path: Path) -> None:
    make(("discmed",))
    (path,) = (tmp_path / "cache" / "screened").glob("*/rejects.json")
    told = json.loads(path.read_text(encoding="utf-8"))
    assert told["counts"] == {"exact duplicate": 2}
    assert told["examples"]["exact duplicate"] == ["record 5: 咳嗽", "record 6: 咳嗽"]
