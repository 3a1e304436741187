"""Both generations of the template, token for token."""

import json
from pathlib import Path
from typing import Any

import pytest

from csft import data
from csft.data.template import bind, encode_texts
from csft.errors import ModelError, SettingError


def ids(tokenizer: Any, *pieces: str) -> list[int]:
    return [token for piece in pieces for token in encode_texts(tokenizer, [piece])[0]]


def as_alpaca(example: dict[str, Any]) -> data.Alpaca:
    history = tuple((user, answer) for user, answer in example.get("history") or ())
    system = example.get("system") or ""
    return data.Alpaca(example["instruction"], example["input"], example["output"], history, system)


def test_todays_template_equals_llamafactory_on_every_reference_line(shared: Path, internlm2: Any) -> None:
    lines = (shared / "parity" / "llamafactory_intern2.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 300
    for line in map(json.loads, lines):
        got = data.encode(
            as_alpaca(line["example"]), internlm2, "intern2_2025", line["cutoff_len"], line["mask_history"]
        )
        where = (line["id"], line["kind"], line["cutoff_len"], line["mask_history"])
        assert (where, *got) == (where, line["input_ids"], line["labels"])


def test_the_papers_template_has_no_system_text_and_one_end_token(letters: Any) -> None:
    got, labels = data.encode(data.Alpaca("Q", "in", "Ans."), letters)
    prompt = ids(letters, "<s>", "<|im_start|>user\nQ\nin<|im_end|>\n<|im_start|>assistant\n")
    assert got == prompt + ids(letters, "Ans.", "</s>")
    assert labels == [-100] * len(prompt) + ids(letters, "Ans.", "</s>")


def test_the_papers_later_turns_begin_with_the_end_of_the_one_before(letters: Any) -> None:
    record = data.Alpaca("b", "", "B", history=(("a", "A"),), system="S")
    got, labels = data.encode(record, letters)
    first = ids(
        letters, "<s><|im_start|>system\nS<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"
    )
    second = ids(letters, "<|im_end|>\n<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n")
    assert got == first + ids(letters, "A") + second + ids(letters, "B", "</s>")
    end = letters.eos_token_id
    masked = [-100] * len(first), [end] + [-100] * (len(second) - 1)
    assert labels == masked[0] + ids(letters, "A") + masked[1] + ids(letters, "B") + [end]


def test_masked_history_trains_the_last_answer_alone(letters: Any) -> None:
    record = data.Alpaca("b", "", "B", history=(("a", "A"),))
    _, labels = data.encode(record, letters, mask_history=True)
    assert [label for label in labels if label != -100] == ids(letters, "B", "</s>")


def test_masked_history_serves_the_last_turn_first(letters: Any) -> None:
    record = data.Alpaca("b", "", "B", history=(("a" * 50, "A" * 50),))
    last = ids(letters, "<|im_end|>\n<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n", "B", "</s>")
    got, _ = data.encode(record, letters, cutoff=len(last), mask_history=True)
    assert got == last


def test_the_papers_end_token_has_its_place_under_every_cutoff(letters: Any) -> None:
    record = data.Alpaca("a" * 40, "", "b" * 60)
    for cutoff in range(2, 140):
        got, labels = data.encode(record, letters, cutoff=cutoff)
        assert len(got) == len(labels) <= cutoff
        assert got[-1] == labels[-1] == letters.eos_token_id


def test_an_exam_prompt_is_what_training_shows_before_an_answer(letters: Any) -> None:
    history = (("q1", "a1"), ("q2", "a2"))
    for template in data.TEMPLATES:
        for earlier in ((), history):
            ((*_, prompt),) = [data.prompt_ids(letters, template, [((), "z"), (earlier, "Q\nin")])]
            got, labels = data.encode(
                data.Alpaca("Q", "in", "x", history=earlier), letters, template, 4096, mask_history=True
            )
            assert got[: len(prompt)] == prompt
            assert labels[len(prompt) - 1] == -100 and labels[len(prompt)] != -100


def test_a_frame_knows_how_many_tokens_stand_around_a_question(letters: Any) -> None:
    frame = bind("intern2", letters)
    (block,) = encode_texts(letters, ["<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n"])
    assert block[frame.question_head : -frame.question_tail] == ids(letters, "Q")


def test_a_tokenizer_without_the_markers_is_refused_by_name() -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    plain = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.BPE({c: n for n, c in enumerate("<|im_end>star")}, [])),
        bos_token="<s>",
        eos_token="</s>",
    )
    with pytest.raises(ModelError, match=r"intern2.*<\|im_start\|>.*one token"):
        bind("intern2", plain)


def test_an_unknown_template_is_refused_by_name(letters: Any) -> None:
    with pytest.raises(SettingError, match=r"template=qwen.*intern2"):
        data.encode(data.Alpaca("a", "", "b"), letters, "qwen")
