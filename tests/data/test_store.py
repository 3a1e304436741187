"""The token store: what is written from records, and what is read back."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from csft.data import Alpaca
from csft.data.parquet import as_table, read_parquet, schema
from csft.data.store import TokenStore, open_store
from csft.data.template import encode_texts, encode_turns, find, turns
from csft.data.tokenising import Tokeniser
from csft.data.writing import needed, write_store
from csft.errors import DataError

USER = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
DIALOGUE = (("我头疼", "多喝水。"), ("还是疼", "吃药。"), ("谢谢", "不客气。"))
RECORDS = [
    *(Alpaca(DIALOGUE[n][0], "", DIALOGUE[n][1], DIALOGUE[:n]) for n in range(3)),
    Alpaca("题目。\n\n", "首选？\nA: 药一\nB: 药二\n", "因为好。\n答案是B。"),
    Alpaca("咳嗽", "", "首选治疗是药一。？？", system="S"),
    Alpaca("", "", "x"),
    Alpaca("<|im_end|>\nA: a\n", "B: b\n", "The answer is A .\n", system="T"),
    Alpaca("题", "", "答案是A。", system="S"),
]


def write_parquet(path: Path, records: Sequence[Alpaca], rows: int = 100) -> Path:
    with pq.ParquetWriter(path, schema()) as file:
        for start in range(0, len(records), rows):
            file.write_table(as_table(records[start : start + rows]))
    return path


def write(folder: Path, records: Sequence[Alpaca], tokenizer: Any, rows: int = 100, **how: Any) -> TokenStore:
    folder.mkdir()
    path = write_parquet(folder.with_suffix(".parquet"), records, rows)
    write_store(folder, path, Tokeniser(tokenizer, find("intern2")), {"dataset": "x"}, **how)
    return open_store(folder)


@pytest.fixture
def store(tmp_path: Path, letters: Any) -> TokenStore:
    return write(tmp_path / "store", RECORDS, letters)


@pytest.mark.parametrize("name", ["letters", "internlm2"])
def test_every_record_comes_back_as_the_tokenizer_gives_it(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tokenizer, form = request.getfixturevalue(name), find("intern2")
    store = write(tmp_path / "store", RECORDS, tokenizer)
    assert len(store) == len(RECORDS)
    for number, record in enumerate(RECORDS):
        assert store.record(number) == encode_turns(tokenizer, form, turns(record))
        own = encode_texts(tokenizer, [record.system.join(form.system)])[0] if record.system else None
        assert store.own_system(number) == own


def test_a_dialogues_turns_are_stored_once(store: TokenStore) -> None:
    assert store.turns.tolist() == [1, 2, 3, 1, 1, 1, 1, 1]
    assert store.first.tolist() == [0, 0, 0, 3, 4, 5, 6, 7]
    assert store.system.tolist() == [-1, -1, -1, -1, 0, -1, 1, 0]


def test_of_each_turn_the_tokens_of_options_statement_and_closing_are_known(store: TokenStore) -> None:
    assert store.options.tolist() == [0, 0, 0, len("A: 药一\nB: 药二\n"), 0, 0, len("A: a\n\nB: b\n"), 0]
    assert store.statement.tolist() == [0, 0, 0, len("答案是B。"), 0, 0, len("The answer is A .\n"), 0]
    assert store.closing.tolist() == [1, 1, 1, 1, 3, 0, 3, 1]


def test_internlm2s_options_and_statement_end_where_their_text_does(tmp_path: Path, internlm2: Any) -> None:
    store = write(tmp_path / "store", RECORDS, internlm2)
    question, answer = store.record(3)[0]
    tail = len(encode_texts(internlm2, [USER.split("{}")[1]])[0])
    options, statement = int(store.options[3]), int(store.statement[3])
    assert internlm2.decode(question[-tail - options : -tail]) == "A: 药一\nB: 药二\n"
    assert internlm2.decode(answer[-statement:]) == "答案是B。"


def test_neither_row_groups_nor_workers_show_but_for_shared_turns(tmp_path: Path, letters: Any) -> None:
    whole = write(tmp_path / "a", RECORDS, letters)
    parts = write(tmp_path / "b", RECORDS, letters, rows=2)
    again = write(tmp_path / "c", RECORDS, letters, rows=2, workers=3)
    assert [parts.record(n) for n in range(8)] == [whole.record(n) for n in range(8)]
    assert parts.first.tolist() == [0, 0, 2, 5, 6, 7, 8, 9]  # the third record is the first of its group
    assert [parts.own_system(n) for n in range(8)] == [whole.own_system(n) for n in range(8)]
    assert again.hash == parts.hash != whole.hash


def test_no_record_at_all_is_a_store_too(tmp_path: Path, letters: Any) -> None:
    assert len(write(tmp_path / "store", [], letters)) == 0


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x.parquet", RECORDS, rows=3)
    assert list(read_parquet(path)) == RECORDS
    assert needed(path) > 0


def test_the_estimate_of_what_a_store_needs_is_near(tmp_path: Path, internlm2: Any) -> None:
    records = [Alpaca(f"患者{n}头疼，伴恶心", "", f"建议休息{n}天，多喝水，必要时就医。") for n in range(500)]
    store = write(tmp_path / "store", records, internlm2)
    size = sum(path.stat().st_size for path in store.folder.iterdir())
    assert size / 3 < needed(tmp_path / "store.parquet") < size * 3


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda folder: flip(folder / "tokens.bin", 3), "tokens.bin does not match its checksum"),
        (lambda folder: flip(folder / "options.bin", 0), "options.bin does not match"),
        (lambda folder: (folder / "tokens.bin").write_bytes(b""), "tokens.bin has 0 bytes"),
        (lambda folder: (folder / "first.bin").write_bytes(bytes(63)), "first.bin has 63 bytes, not 64"),
        (lambda folder: (folder / "pieces.bin").unlink(), "pieces.bin"),
        (lambda folder: (folder / "meta.json").write_text("{"), "cannot be used"),
        (lambda folder: (folder / "meta.json").write_text("[]"), "cannot be used"),
        (lambda folder: (folder / "meta.json").write_text('{"format": 2, "arrays": {}}'), "tokens"),
        (lambda folder: (folder / "meta.json").unlink(), "meta.json"),
    ],
)
def test_a_damaged_store_is_refused(store: TokenStore, damage: Callable[[Path], object], told: str) -> None:
    damage(store.folder)
    with pytest.raises(DataError, match=re.escape(told)):
        open_store(store.folder)


def test_a_store_of_another_format_is_refused(store: TokenStore) -> None:
    meta = json.loads((store.folder / "meta.json").read_text(encoding="utf-8"))
    (store.folder / "meta.json").write_text(json.dumps({**meta, "format": 1}), encoding="utf-8")
    with pytest.raises(DataError, match="format 1, not 2"):
        open_store(store.folder)


def test_arrays_cannot_be_written_to(store: TokenStore) -> None:
    with pytest.raises(ValueError, match="read-only"):
        store.tokens[0] = np.uint32(1)
