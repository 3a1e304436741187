"""A killed exam goes on after its last finished batch; nothing half-written is taken for an answer."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from csft.cmb import Question
from csft.exam import KeptAnswers, Prediction, stream, take
from csft.exam.papers import tokenised


def answer(number: int) -> Prediction:
    return Prediction(number, "A", True, "答案是A。", {"A": -0.5})


def test_answers_come_back_once_each(tmp_path: Path) -> None:
    kept = KeptAnswers(tmp_path / "a" / "kept.jsonl", "this")
    assert kept.begin() == {}
    kept.add([answer(1), answer(2)])
    kept.add([answer(3)])
    assert kept.begin() == {n: answer(n) for n in (1, 2, 3)}
    kept.add([answer(4)])
    assert list(kept.read()) == [1, 2, 3, 4]
    kept.remove()
    assert kept.read() == {}
    kept.remove()


@pytest.mark.parametrize(
    "tail", [b'[{"id": 9', b'[{"id": 9, "letters": "A"}]\n', b"\xff\xfe\n", b"[9]\n", b"{}\n"]
)
def test_a_torn_or_strange_line_is_no_answer(tmp_path: Path, tail: bytes) -> None:
    kept = KeptAnswers(tmp_path / "kept.jsonl", "this")
    kept.begin()
    kept.add([answer(1)])
    kept.path.write_bytes(kept.path.read_bytes() + tail)
    assert kept.begin() == {1: answer(1)}
    kept.add([answer(2)])
    assert list(kept.read()) == [1, 2]


def test_answers_of_another_exam_are_not_taken(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "kept.jsonl"
    KeptAnswers(path, "this").begin()
    KeptAnswers(path, "this").add([answer(1)])
    assert KeptAnswers(path, "other").begin() == {}
    assert "another exam" in capsys.readouterr().out
    path.write_bytes(b"")
    assert KeptAnswers(path, "this").begin() == {}


def test_a_stopped_exam_goes_on(
    net: Any, tokenizer: Any, questions: list[Question], wrap: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    whole = take(net, tokenizer, questions, wrap, batch_tokens=600)
    kept = KeptAnswers(tmp_path / "kept.jsonl", "this")
    some = stream(net, tokenizer, questions, wrap, batch_tokens=600, kept=kept)
    first = [next(some), next(some)]
    some.close()
    computed: list[int] = []
    forward = net.forward

    def counted(*args: Any, **kwargs: Any) -> Any:
        computed.append(len(kwargs["input_ids"]))
        return forward(*args, **kwargs)

    monkeypatch.setattr(net, "forward", counted)
    again = list(stream(net, tokenizer, questions, wrap, batch_tokens=600, kept=kept))
    assert {one.id for one in again[0]} == {one.id for batch in first for one in batch}
    assert sorted((one for batch in again for one in batch), key=lambda one: one.id) == whole
    computed.clear()
    assert take(net, tokenizer, questions, wrap, batch_tokens=600, kept=kept) == whole
    assert computed == []


def test_tokenised_questions_are_kept(tmp_path: Path, capsys: Any) -> None:
    calls = []

    def wrap(said: Any) -> list[list[int]]:
        calls.append(len(said))
        return [[len(text), *range(len(text))] for _, text in said]

    said = [((), "ab"), ([("u", "a")], "abc")]
    first = tokenised(said, wrap, tmp_path, "key")
    again = tokenised(said, wrap, tmp_path, "key")
    assert [one.tolist() for one in again] == [one.tolist() for one in first] == [[2, 0, 1], [3, 0, 1, 2]]
    assert calls == [2]
    assert again[0].dtype == np.int32
    tokenised(said, wrap, tmp_path, "other tokenizer")
    tokenised([((), "ab"), ([("u", "b")], "abc")], wrap, tmp_path, "key")
    assert calls == [2, 2, 2]
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-3])
    assert [one.tolist() for one in tokenised(said, wrap, tmp_path, "key")] == [[2, 0, 1], [3, 0, 1, 2]]
    assert calls == [2, 2, 2, 2]
    assert "damaged" in capsys.readouterr().out
    assert tokenised([], wrap, tmp_path, "key") == tokenised([], wrap, tmp_path, "key") == []
