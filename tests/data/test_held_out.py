"""Dialogues that no trial trains on: always the same, and in no draw."""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from csft import sample
from csft.config import Mix
from csft.data import CutOff, Dialogue, HeldOut, Mixture, hold_out, prepare
from csft.data.encoding import encode
from csft.data.screen import ScreenRules

Turns = list[tuple[str, str]]


def talks(count: int, seed: int = 0) -> list[Turns]:
    """Dialogues of one to three turns that have nothing in common."""
    draw = random.Random(seed)

    def text() -> str:
        return "".join(chr(draw.randrange(0x4E00, 0x9F00)) for _ in range(12))

    return [[(text(), text()) for _ in range(draw.randint(1, 3))] for _ in range(count)]


def write(root: Path, dialogues: Sequence[Turns]) -> Path:
    folder = root / "discmed"
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for turns in dialogues:
        said = [part for asked, told in turns for part in (("user", asked), ("assistant", told))]
        conversation = [{"role": role, "content": content} for role, content in said]
        lines.append(json.dumps({"conversation": conversation}, ensure_ascii=False) + "\n")
    (folder / "DISC-Med-SFT_released.jsonl").write_text("".join(lines), encoding="utf-8")
    return root


def said(held_out: HeldOut) -> list[Turns]:
    return [list(one.turns) for one in held_out.dialogues]


def test_what_is_held_out_depends_on_the_dialogues_alone(tmp_path: Path) -> None:
    dialogues = talks(45)
    first = hold_out(write(tmp_path / "a", dialogues), tmp_path, 32)
    assert len(first.dialogues) == 4  # a tenth at most
    again = hold_out(write(tmp_path / "b", [*reversed(dialogues), dialogues[7]]), tmp_path, 32)
    assert said(again) == said(first) and again.hash == first.hash
    fewer = hold_out(tmp_path / "a", tmp_path, 2)
    assert fewer.dialogues == first.dialogues[:2] and fewer.hash != first.hash
    assert hold_out(write(tmp_path / "c", talks(45, seed=1)), tmp_path, 32).hash != first.hash
    assert [record.history for record in first.dialogues[0].records] == [
        first.dialogues[0].turns[:before] for before in range(len(first.dialogues[0].turns))
    ]


def test_nothing_to_hold_out_is_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for root, limit, words in (
        (tmp_path, 32, f"not measured: no medicaldialog in {tmp_path}, no discmed in"),
        (write(tmp_path / "few", talks(9)), 32, "not measured: 0 of 9 discmed, no medicaldialog"),
        (write(tmp_path / "few", talks(9)), 0, "chat.dialogues=0"),
    ):
        assert hold_out(root, tmp_path, limit) == HeldOut()
        (line,) = capsys.readouterr().out.splitlines()
        assert words in line


def test_the_choice_is_kept_and_a_damaged_one_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write(tmp_path / "raw", talks(30))
    first = hold_out(root, tmp_path, 8)
    with monkeypatch.context() as without:
        without.setattr("csft.data.held_out.sources.read", None)
        assert hold_out(root, tmp_path, 8) == first
    (kept,) = (tmp_path / "dialogues").iterdir()
    text = kept.read_text(encoding="utf-8")
    for damaged in (text[:-9], text.replace(first.dialogues[0].turns[0][0], "被换掉了")):
        kept.write_text(damaged, encoding="utf-8")
        assert hold_out(root, tmp_path, 8) == first
        assert "damaged. They are chosen again." in capsys.readouterr().out
        assert kept.read_text(encoding="utf-8") == text


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from csft import model

    return model.load_tokenizer(sample.base_model_path())


@pytest.mark.parametrize(
    "names", [("discmed",), ("medicaldialog", "discmed", "cmb"), ("webmedqa", "discmed")]
)
@pytest.mark.parametrize("near", [0.9, None])
def test_no_mix_draws_one(
    names: tuple[str, ...], near: float | None, tokenizer: Any, cache: Path, tmp_path: Path
) -> None:
    held_out = hold_out(sample.data_root(), cache, 32)
    assert held_out.datasets == ["medicaldialog", "discmed"]
    rules = ScreenRules(near_duplicates=near)
    given = {"tokenizer_hash": "x", "template": "intern2", "exam_questions": {}, "cache": cache}
    whole = prepare(names, sample.data_root(), tokenizer, rules=rules, **given)
    prepared = prepare(names, sample.data_root(), tokenizer, rules=rules, held_out=held_out, **given)
    assert [one.hash for one in prepared.values()] == [one.hash for one in whole.values()]  # stores stay
    forbidden = {_row(record, tokenizer) for one in held_out.dialogues for record in one.records}
    mix = Mix(datasets=dict.fromkeys(names, 1.5))
    for seed, settings in ((1, prepared), (2, prepared), (1, whole)):
        made = Mixture(settings, mix, CutOff(100_000), 2, seed=seed)
        drawn = {tuple(row["input_ids"]) for row in made.rows}
        assert drawn.isdisjoint(forbidden) == (settings is prepared)


def _row(record: Any, tokenizer: Any) -> tuple[int, ...]:
    return tuple(encode(record, tokenizer, cutoff=100_000)[0])


def test_a_dialogue_knows_its_records() -> None:
    turns = (("一", "甲"), ("二", ""), ("三", "丙"))
    one = Dialogue("discmed", turns, (1, 3), "规则")
    assert [(r.instruction, r.output, len(r.history), r.system) for r in one.records] == [
        ("一", "甲", 0, "规则"),
        ("三", "丙", 2, "规则"),
    ]
