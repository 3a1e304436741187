"""Taking an exam: letters by likelihood against slow independent readings, words by generation."""

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from exam_helpers import make_net, make_question, make_tokenizer, make_wrap

from csft.cmb import Question
from csft.errors import ExamError, SettingError
from csft.exam import Asking, Prediction, letter_ids, load_split, question_text, score, stream, take
from csft.exam.greedy import stop_ids
from csft.exam.tokens import answer_ids, answer_tree
from csft.rejects import Rejects


def encode(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer.encode(text, add_special_tokens=False))


def next_logprobs(net: Any, ids: list[int]) -> list[float]:
    """One row, no padding, all logits: the plain way."""
    with torch.no_grad():
        logits_1LV = net(torch.tensor([ids]), use_cache=False).logits
    values: list[float] = logits_1LV[0, -1].float().log_softmax(-1).tolist()
    return values


def slow_single(net: Any, tokenizer: Any, question: Question, prompt: list[int]) -> str:
    values = next_logprobs(net, prompt + encode(tokenizer, "答案是"))
    return max(question.options, key=lambda letter: values[encode(tokenizer, f"答案是{letter}。")[1]])


def slow_several(net: Any, tokenizer: Any, question: Question, prompt: list[int]) -> str:
    """Keep all answers that can still be written, take the best next token, drop the others."""
    sets = ["".join(c) for n in range(1, 8) for c in itertools.combinations(question.options, n)]
    left = {one: encode(tokenizer, f"答案是{one}。") for one in sets}
    done = encode(tokenizer, "答案是")
    while len(left) > 1:
        values = next_logprobs(net, prompt + done)
        best = max((ids[len(done)] for ids in left.values()), key=lambda token: values[token])
        left = {one: ids for one, ids in left.items() if ids[len(done)] == best}
        done = [*done, best]
    return next(iter(left))


def one(wrap: Any, text: str) -> list[int]:
    (ids,) = wrap([((), text)])
    return list(ids)


@pytest.mark.parametrize("prompt", ["cmb", "train"])
def test_letters_equal_the_slow_reading(
    net: Any, tokenizer: Any, questions: list[Question], wrap: Any, prompt: str
) -> None:
    taken = take(net, tokenizer, questions, wrap, asking=Asking(prompt=prompt))
    for prediction, question in zip(taken, questions, strict=True):
        ids = one(wrap, question_text(question, prompt))
        slow = slow_single if question.single else slow_several
        assert prediction.letters == slow(net, tokenizer, question, ids)
        assert prediction.correct == (prediction.letters == question.answer)
        assert prediction.id == question.id
    # a test that could not fail would be one in which every answer is the same
    assert len({prediction.letters for prediction in taken}) > 3


def test_log_probabilities_are_those_of_the_whole_vocabulary(
    net: Any, tokenizer: Any, questions: list[Question], wrap: Any
) -> None:
    (prediction,) = take(net, tokenizer, questions[:1], wrap)
    values = next_logprobs(net, one(wrap, question_text(questions[0])) + encode(tokenizer, "答案是"))
    expected = {letter: values[encode(tokenizer, letter)[0]] for letter in "ABCDE"}
    assert prediction.logprobs == pytest.approx(expected, abs=1e-4)
    assert sum(map(math.exp, prediction.logprobs.values())) < 1
    (several,) = take(net, tokenizer, questions[1:2], wrap)
    assert set(several.logprobs) == {"A", "AB", "ABC", "B", "C", "CD", "D", "E"}


@pytest.mark.parametrize("protocol", ["logits", "generate"])
def test_answers_do_not_depend_on_the_batch(
    net: Any, tokenizer: Any, questions: list[Question], wrap: Any, protocol: str
) -> None:
    def run(batch_tokens: int, order: list[Question], **how: Any) -> list[Prediction]:
        asking = Asking(protocol, max_new_tokens=6)
        return take(net, tokenizer, order, wrap, asking=asking, batch_tokens=batch_tokens, **how)

    alone, few, many = (run(budget, questions) for budget in (1, 400, 100_000))
    backwards = run(100_000, questions[::-1])[::-1]
    by_rows = [run(100_000, questions, batch_rows=rows, rounds=rows) for rows in (1, 3, 8)]
    for other in (few, many, backwards, *by_rows):
        assert [(got.id, got.letters, got.text) for got in other] == [
            (got.id, got.letters, got.text) for got in alone
        ]
        for got, reference in zip(other, alone, strict=True):
            assert got.logprobs == pytest.approx(reference.logprobs, abs=1e-4)


def test_a_model_that_knows_is_read_right_by_both_protocols(
    tokenizer: Any, questions: list[Question], wrap: Any
) -> None:
    questions = questions[:12]
    net = make_net(len(tokenizer), seed=1)
    train(net, tokenizer, questions, wrap)
    sheet = take(net, tokenizer, questions, wrap)
    assert [one.letters for one in sheet] == [question.answer for question in questions]
    assert score({one.id: one.letters for one in sheet}, questions).total == 100
    written = take(net, tokenizer, questions, wrap, asking=Asking("generate", max_new_tokens=12))
    assert [one.text for one in written] == [f"答案是{question.answer}。" for question in questions]
    assert all(one.correct for one in written)


def train(net: Any, tokenizer: Any, questions: list[Question], wrap: Any) -> None:
    """Learn `答案是{answer}。</s>` by heart."""
    rows = [
        (
            one(wrap, question_text(asked)),
            [*encode(tokenizer, f"答案是{asked.answer}。"), tokenizer.eos_token_id],
        )
        for asked in questions
    ]
    longest = max(len(prompt) + len(answer) for prompt, answer in rows)
    ids_BL = torch.full((len(rows), longest), 2)
    labels_BL = torch.full((len(rows), longest), -100)
    for place, (prompt, answer) in enumerate(rows):
        whole = torch.tensor(prompt + answer)
        ids_BL[place, : len(whole)] = whole
        labels_BL[place, len(prompt) : len(whole)] = whole[len(prompt) :]
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
    for _ in range(300):
        loss = net(input_ids=ids_BL, labels=labels_BL, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if loss.item() < 0.01:
            return


def test_training_mode_comes_back_and_no_gradient_is_kept(
    net: Any, tokenizer: Any, questions: list[Question], wrap: Any
) -> None:
    net.train()
    take(net, tokenizer, questions[:3], wrap)
    assert net.training
    assert all(parameter.grad is None for parameter in net.parameters())


def test_partial_results_stream_out_once_each(
    net: Any, tokenizer: Any, questions: list[Question], wrap: Any
) -> None:
    batches = list(stream(net, tokenizer, questions, wrap, batch_tokens=600))
    seen = [got for batch in batches for got in batch]
    assert len(batches) > 3
    whole = take(net, tokenizer, questions, wrap, batch_tokens=600)
    assert sorted(seen, key=lambda got: got.id) == whole
    assert [got.id for got in whole] == [question.id for question in questions]


def test_rounds_answer_the_exam_in_its_order(
    net: Any, tokenizer: Any, questions: list[Question], wrap: Any
) -> None:
    order = [got.id for batch in stream(net, tokenizer, questions, wrap, rounds=4) for got in batch]
    ids = [question.id for question in questions]
    for first in range(0, 24, 6):
        assert sorted(order[first : first + 6]) == ids[first : first + 6]
    # an exam that is given up asks no further question
    some = stream(net, tokenizer, questions, wrap, rounds=4)
    assert len(next(some)) <= 6
    some.close()


def test_not_a_number_fails_the_exam_by_name(
    net: Any, tokenizer: Any, questions: list[Question], wrap: Any
) -> None:
    with torch.no_grad():
        net.model.norm.weight[3] = float("nan")
    for protocol in ("logits", "generate"):
        with pytest.raises(ExamError, match=r"logits are NaN on \d+ of \d+ questions"):
            take(net, tokenizer, questions, wrap, asking=Asking(protocol))


@pytest.mark.parametrize(
    ("setting", "value"),
    [("batch_tokens", 0), ("batch_rows", 0), ("rounds", 0)],
)
def test_impossible_settings_are_named(
    net: Any, tokenizer: Any, questions: list[Question], wrap: Any, setting: str, value: Any
) -> None:
    with pytest.raises(SettingError, match=f"exam.{setting}={value}"):
        take(net, tokenizer, questions[:2], wrap, **{setting: value})


@pytest.mark.parametrize(
    ("setting", "value"),
    [("protocol", "vote"), ("prompt", "chat"), ("format", "html"), ("shots", -1), ("rule", "x"),
     ("max_new_tokens", 0)],
)  # fmt: skip
def test_impossible_protocols_are_named(setting: str, value: Any) -> None:
    with pytest.raises(SettingError, match=f"exam.{setting}={value}"):
        Asking(**{setting: value})


def test_ids_are_needed_once_each(net: Any, tokenizer: Any, questions: list[Question], wrap: Any) -> None:
    with pytest.raises(ExamError, match="more than once among the questions: 3"):
        take(net, tokenizer, [*questions, questions[3]], wrap)
    assert take(net, tokenizer, [], wrap) == []


def test_a_tokenizer_that_runs_letter_and_stop_together_is_refused(
    net: Any, questions: list[Question]
) -> None:
    merged = make_tokenizer([("B", "。")])
    with pytest.raises(ExamError, match=r"no token of its own for the letter B.*cmb_generate"):
        letter_ids(merged, "ABC")
    glued = make_tokenizer([("是", "C")])
    with pytest.raises(ExamError, match="答案是 is not kept apart"):
        take(net, glued, [make_question(5, "A")], make_wrap(glued))


def test_generation_stops_at_the_turns_end(net: Any, tokenizer: Any) -> None:
    im_end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert stop_ids(net, tokenizer) == [2, im_end]


def test_the_tree_writes_every_set_as_the_tokenizer_does(tokenizer: Any) -> None:
    found = []

    def walk(node: Any, path: list[int]) -> None:
        if not node.children:
            found.append(node.letters)
            assert path == answer_ids(tokenizer, node.letters)
        for token, child in node.children.items():
            walk(child, [*path, token])

    walk(answer_tree(tokenizer, "ABCDEFG"), [])
    assert len(found) == len(set(found)) == 127


def test_prompts_are_the_published_texts() -> None:
    question = make_question(0, "A", "ABC")
    question.options.update(B="7", C=" ")
    head = "以下是中国医师考试中规培结业考试的一道单项选择题，不需要做任何分析和解释，直接输出答案选项。\n"
    assert question_text(question) == f"{head}发发见于\nA. 发发\nB. 7"
    assert question_text(question, official_quirks=True) == f"{head}发发见于\nA. 发发"
    assert question_text(question, "train") == (
        "该问题源自医师考试，面向规培结业中的内科。\n\n\n发发见于\nA: 发发\nB: 7\n"
    )


def test_the_real_tokenizer_and_real_questions(shared: Path) -> None:
    from csft.model import load_tokenizer

    tokenizer = load_tokenizer(shared / "internlm2/tokenizer")
    assert len(set(letter_ids(tokenizer, "ABCDEFG").values())) == 7
    first = {tokenizer.decode([token]) for token in answer_tree(tokenizer, "ABCDE").children}
    assert {"A", "AB", "ABC", "BC", "CD"} <= first  # trained answers are not written letter by letter
    net = make_net(len(tokenizer))
    questions = load_split(shared / "samples/cnmleqa", "test", Rejects())[:12]
    (several,) = load_split(shared / "samples/cmb", "val", Rejects())
    asked = [*questions, Question(**{**fields(several), "id": 5000})]
    many = take(net, tokenizer, asked, make_wrap(tokenizer))
    alone = take(net, tokenizer, asked, make_wrap(tokenizer), batch_tokens=1)
    assert [got.letters for got in many] == [got.letters for got in alone]
    ids = one(make_wrap(tokenizer), question_text(several))
    assert many[-1].letters == slow_several(net, tokenizer, several, ids)


def fields(question: Question) -> dict[str, Any]:
    return {name: getattr(question, name) for name in question.__dataclass_fields__}
