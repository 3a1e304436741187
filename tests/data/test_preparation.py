"""Preparing datasets: what is kept in the cache, and when it is built anew."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from csft import data
from csft.cmb import Question
from csft.data import Alpaca, sources
from csft.data import template as templates
from csft.data.preparation import Prepared
from csft.data.template import Template
from csft.errors import DataError, SettingError

Make = Callable[..., Mapping[str, Prepared]]
EXAM = Question(
    1, "医师考试", "执业医师", "", "单项选择题", "感冒了怎么办最合适", {"A": "休息", "B": "跑步"}, "A"
)


@pytest.fixture
def make(root: Path, tmp_path: Path, letters: Any) -> Make:
    def run(
        datasets: tuple[str, ...] = ("discmed", "webmedqa"),
        tokenizer: Any = letters,
        tokenizer_hash: str = "t",
        template: str = "intern2",
        exam: Mapping[str, list[Question]] | None = None,
    ) -> Mapping[str, Prepared]:
        return data.prepare(
            datasets,
            root,
            tokenizer,
            tokenizer_hash,
            template,
            exam_questions=exam or {},
            cache=tmp_path / "cache",
        )

    return run


def stores(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "cache" / "tokens").iterdir() if path.name[0] != "."}


def rows(prepared: Prepared) -> list[list[tuple[list[int], list[int]]]]:
    return [prepared.store.record(number) for number in range(len(prepared.store))]


def test_counts_say_what_was_read_kept_and_set_aside(make: Make) -> None:
    one = make()["discmed"]
    assert (one.read, one.kept, len(one.store)) == (8, 6, 6)
    assert one.rejects == {"exact duplicate": 2}


def test_a_second_call_builds_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make()
    monkeypatch.setattr("csft.data.preparation.write_store", None)
    monkeypatch.setattr("csft.data.screened.sources.read", None)
    again = make()
    assert [one.hash for one in again.values()] == [one.hash for one in first.values()]
    assert make(template="intern2_2025")["discmed"].store.folder == first["discmed"].store.folder


def test_a_changed_raw_file_is_never_served_stale(make: Make, root: Path) -> None:
    before = make()["webmedqa"]
    file = root / "webmedqa" / "medQA.train.txt"
    content = file.read_text(encoding="utf-8")
    for changed in (content.replace("休息", "多喝水"), content * 2, content.replace("感冒了", "咳嗽吃")):
        file.write_text(changed, encoding="utf-8")
        assert make()["webmedqa"].store.folder != before.store.folder
    assert rows(make()["webmedqa"]) != rows(before)
    file.write_text(content, encoding="utf-8")
    assert make()["webmedqa"].store.folder == before.store.folder


def test_a_file_that_changes_while_it_is_read_is_not_taken_for_either(
    make: Make, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, file = sources.read, root / "webmedqa" / "medQA.train.txt"

    def slow(*given: Any) -> Iterator[Alpaca]:
        yield from read(*given)
        file.write_text(file.read_text(encoding="utf-8") * 2, encoding="utf-8")

    with monkeypatch.context() as during:
        during.setattr("csft.data.screened.sources.read", slow)
        with pytest.raises(DataError, match="changed while they were read"):
            make(("webmedqa",))
    assert make()["webmedqa"].read == 2


def test_another_tokenizer_is_never_served_the_first_ones_tokens(make: Make, letters: Any) -> None:
    before = make()["discmed"]
    other = type(letters)(
        tokenizer_object=_shifted(letters), bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    after = make(tokenizer=other, tokenizer_hash="other")["discmed"]
    assert after.store.folder != before.store.folder
    assert [[ids[0] for turn in record for ids in turn] for record in rows(after)] != [
        [ids[0] for turn in record for ids in turn] for record in rows(before)
    ]
    assert rows(make()["discmed"]) == rows(before)


def _shifted(tokenizer: Any) -> Any:
    """The tokenizer with the ids of its ordinary tokens in the opposite order."""
    from tokenizers import Tokenizer

    settings = json.loads(tokenizer.backend_tokenizer.to_str())
    vocabulary = settings["model"]["vocab"]
    special = {token["content"] for token in settings["added_tokens"]}
    plain = [token for token in vocabulary if token not in special]
    swapped = zip(plain, [vocabulary[token] for token in reversed(plain)], strict=True)
    settings["model"]["vocab"] = {**vocabulary, **dict(swapped)}
    return Tokenizer.from_str(json.dumps(settings))


def test_another_templates_marker_text_is_never_served_the_first_ones_tokens(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make()["discmed"]
    bare = Template(user=("<|im_start|>", "<|im_end|>"))
    monkeypatch.setitem(templates.TEMPLATES, "bare", bare)
    after = make(template="bare")["discmed"]
    assert after.store.folder != before.store.folder
    assert after.store.record(0)[0][0] == [3, *before.store.record(0)[0][0][6:9], 4]  # no `user` and so on
    with pytest.raises(SettingError, match="template=intern2 cannot"):
        after.frame("intern2")
    monkeypatch.setitem(templates.TEMPLATES, "intern2", Template(system=("<|im_start|>", "<|im_end|>")))
    assert make()["discmed"].store.folder != before.store.folder


def test_changed_code_is_never_served_what_the_old_code_wrote(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make()["discmed"]
    monkeypatch.setattr("csft.data.preparation._code", lambda: "fixed")
    assert make()["discmed"].store.folder != before.store.folder


def test_exam_overlap_is_counted_by_split(make: Make, root: Path, tmp_path: Path) -> None:
    before = make()
    after = make(exam={"test": [EXAM]})
    assert after["discmed"].hash == before["discmed"].hash  # the same tokens under another key
    assert len(stores(tmp_path)) == 4
    file = root / "webmedqa" / "medQA.train.txt"
    file.write_text("1\t1\t内科\t感冒了，怎么办最合适？\t休息。\n", encoding="utf-8")
    one = make(exam={"select": [EXAM]})["webmedqa"]
    assert (one.kept, dict(one.rejects)) == (0, {"overlaps exam select": 1})


def test_a_damaged_store_is_said_and_built_again(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    before = make()["discmed"]
    kept = rows(before)
    content = bytearray((before.store.folder / "tokens.bin").read_bytes())
    content[3] ^= 1
    (before.store.folder / "tokens.bin").write_bytes(content)
    after = make()["discmed"]
    assert "tokens.bin does not match its checksum. It is built again." in capsys.readouterr().out
    assert (after.hash, rows(after)) == (before.hash, kept)


def test_damaged_screened_records_are_read_again(make: Make, tmp_path: Path) -> None:
    make()
    shutil.rmtree(tmp_path / "cache" / "tokens")
    for path in (tmp_path / "cache" / "screened").glob("*/records.parquet"):
        path.write_bytes(path.read_bytes()[:-9])
    assert make()["discmed"].kept == 6


def test_an_interrupted_writer_leaves_nothing_that_is_taken_for_a_store(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("csft.data.writing._Writer.finish", die)
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
