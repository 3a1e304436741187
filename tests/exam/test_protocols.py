"""What stands before a question: official words, reasoning, examples, chat formats."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from exam_helpers import make_net, make_question

from csft import data
from csft.cmb import SUB_EXAMS, Question
from csft.errors import ExamError, SettingError
from csft.exam import Asking, base_wrap, load_split, own_wrap, question_text, take
from csft.exam.papers import conversations
from csft.exam.prompts import answer_text
from csft.rejects import Rejects


@pytest.fixture(scope="module")
def pool() -> list[Question]:
    """Six validation questions for each of two sub-exams, half of them explained."""
    return [
        replace(make_question(28 * n + place, "AB"[n % 2]), explanation="因为。" if n % 2 else "")
        for n in range(6)
        for place in (0, 1)
    ]


def test_the_reasoned_prompt_and_its_answers() -> None:
    question = replace(make_question(0, "AC", "ABC"), explanation="略")
    text = question_text(question, reasoned=True)
    assert text.startswith(
        "以下是中国医师考试中规培结业考试的一道多项选择题，请分析每个选项，并最后给出答案。\n"
    )
    assert answer_text(question) == "答案是AC。"
    assert answer_text(question, reasoned=True) == "略所以答案是AC。"
    with pytest.raises(SettingError, match=r"exam.prompt=train.*cot"):
        Asking("cot", "train")


def test_examples_are_the_sub_exams_own_and_never_the_question_itself(pool: list[Question]) -> None:
    asked = [make_question(280, "C"), make_question(308, "D"), make_question(281, "C"), pool[0]]
    said = conversations(asked, Asking(shots=3), pool)
    shown = [[user for user, _ in examples] for examples, _ in said]
    assert shown[0] == shown[1] != shown[2]  # alike within a sub-exam: a common beginning
    assert all(len(examples) == 3 for examples in shown)
    assert all("规培结业" in user for user in shown[0])
    assert question_text(pool[0]) not in shown[3]
    assert said[0][0][0][1].startswith("答案是")
    reasoned = conversations(asked[:1], Asking("cot", shots=2), pool)
    assert [answer for _, answer in reasoned[0][0]] == ["因为。所以答案是B。"] * 2


def test_too_few_examples_are_named(pool: list[Question]) -> None:
    with pytest.raises(ExamError, match=r"exam.shots=7.*6 questions of physician/residency_completion"):
        conversations([make_question(280, "C")], Asking(shots=7), pool)
    with pytest.raises(ExamError, match=r"exam.shots=4.*3 explained questions"):
        conversations([make_question(280, "C")], Asking("cot", shots=4), pool)
    with pytest.raises(ExamError, match=f"0 questions of {SUB_EXAMS[5].key}"):
        conversations([make_question(5, "C")], Asking(shots=1), pool)


def test_a_base_is_asked_without_markers(tokenizer: Any) -> None:
    spoken = [((("甲", "答案是A。"),), "乙\n")]
    (ids,) = base_wrap(tokenizer)(spoken)
    expected = tokenizer.encode("问：甲\n答：答案是A。\n问：乙\n答：", add_special_tokens=False)
    assert ids == [tokenizer.bos_token_id, *expected]
    assert base_wrap(tokenizer)([]) == []


def test_a_tokenizers_own_chat_format(tokenizer: Any) -> None:
    with pytest.raises(SettingError, match=r"exam.format=own.*no chat template"):
        own_wrap(tokenizer)
    turn = "{% for m in messages %}{{ m.role[0] + m.content }}{% endfor %}"
    tokenizer.chat_template = turn + "{% if add_generation_prompt %}a{% endif %}"
    try:
        (ids,) = own_wrap(tokenizer)([((("甲", "乙"),), "丙")])
    finally:
        tokenizer.chat_template = None
    assert ids == tokenizer.encode("u甲a乙u丙a", add_special_tokens=False)


@pytest.mark.parametrize("protocol", ["logits", "generate", "cot"])
@pytest.mark.parametrize("shots", [0, 2])
def test_every_protocol_with_the_real_tokenizer_and_real_questions(
    shared: Path, protocol: str, shots: int
) -> None:
    from csft.model import load_tokenizer

    tokenizer = load_tokenizer(shared / "internlm2/tokenizer")
    net = make_net(len(tokenizer))
    real = load_split(shared / "samples/cnmleqa", "test", Rejects())[:40]
    examples = [replace(one, id=5000 + n, explanation="略。") for n, one in enumerate(real[30:])]
    asking = Asking(protocol, shots=shots, max_new_tokens=4)
    how: dict[str, Any] = {"asking": asking, "shots_from": examples}
    for wrap in (partial(data.prompt_ids, tokenizer, "intern2"), base_wrap(tokenizer)):
        many = take(net, tokenizer, real[:10], wrap, **how)
        alone = take(net, tokenizer, real[:10], wrap, batch_rows=1, **how)
        assert [(one.letters, one.text) for one in many] == [(one.letters, one.text) for one in alone]
