"""Written answers: the text of a plain greedy `generate`, whatever is drafted, shared or left early."""

from typing import Any

import pytest
import torch
from exam_helpers import make_net, make_question, make_tokenizer
from transformers import GenerationConfig

from csft.cmb import Question
from csft.exam import question_text, read_answer
from csft.exam.answers import decided
from csft.exam.greedy import Stop, Writer, stop_ids
from csft.rows import Begun, Shared

MULTIPLE = "多项选择题"


def plain(net: Any, tokenizer: Any, prompt: list[int], tokens: int, stops: list[int]) -> list[int]:
    """One prompt, no padding, transformers' own loop."""
    greedy = GenerationConfig(max_new_tokens=tokens, do_sample=False, eos_token_id=stops, pad_token_id=2)
    with torch.no_grad():
        (ids,) = net.generate(input_ids=torch.tensor([prompt]), generation_config=greedy).tolist()
    written = ids[len(prompt) :]
    return written[:-1] if written[-1] in stops else written


@pytest.fixture
def prompts(questions: list[Question], wrap: Any) -> list[list[int]]:
    ids: list[list[int]] = wrap([((), question_text(one, official_quirks=True)) for one in questions])
    return ids


@pytest.mark.parametrize("tokens", [1, 2, 5, 40])
def test_the_text_is_that_of_generate(
    net: Any, tokenizer: Any, questions: list[Question], prompts: list[list[int]], tokens: int
) -> None:
    stops = stop_ids(net, tokenizer)
    expected = [
        tokenizer.decode(plain(net, tokenizer, prompt, tokens, stops), skip_special_tokens=True)
        for prompt in prompts
    ]
    writer = Writer(net, tokenizer, Stop(tuple(stops), tokens))
    with torch.inference_mode():
        assert writer.write(questions, Begun(prompts)) == expected
    assert len(set(expected)) > 3


def test_right_and_wrong_drafts_change_no_text(
    tokenizer: Any, questions: list[Question], prompts: list[list[int]]
) -> None:
    """Draft what the model will write for some rows, something else for others, and nothing for the rest."""
    net = make_net(len(tokenizer), seed=3)
    stops = tuple(stop_ids(net, tokenizer))
    writer = Writer(net, tokenizer, Stop(stops, 12))
    texts = []
    with torch.inference_mode():
        for first in (0, 5, 9):
            written = plain(net, tokenizer, prompts[first], 12, list(stops))
            writer._drafts = {(): tuple(written[:3]), tuple(written[:4]): tuple(written[4:7])}
            texts.append(writer.write(questions, Begun(prompts)))
        writer._drafts = {(): ()}
        texts.append(writer.write(questions, Begun(prompts)))
    assert texts[0] == texts[1] == texts[2] == texts[3]


def test_fewer_passes_where_the_draft_is_right(
    net: Any, tokenizer: Any, questions: list[Question], prompts: list[list[int]], monkeypatch: Any
) -> None:
    passes: list[int] = []
    forward = net.forward

    def counted(*args: Any, **kwargs: Any) -> Any:
        passes.append(1)
        return forward(*args, **kwargs)

    stops = stop_ids(net, tokenizer)
    written = plain(net, tokenizer, prompts[0], 8, stops)
    writer = Writer(net, tokenizer, Stop(tuple(stops), 8))
    writer._drafts = {(): tuple(written[:4])}
    monkeypatch.setattr(net, "forward", counted)
    with torch.inference_mode():
        writer.write(questions[:1], Begun(prompts[:1]))
    assert len(passes) == len(written) - 4


def test_a_shared_beginning_changes_no_text(net: Any, tokenizer: Any, wrap: Any) -> None:
    asked = [make_question(28 * n, "A") for n in range(9)]
    prompts = wrap([((), question_text(one)) for one in asked])
    assert len({tuple(ids[:20]) for ids in prompts}) == 1
    writer = Writer(net, tokenizer, Stop(tuple(stop_ids(net, tokenizer)), 10))
    with torch.inference_mode():
        whole = writer.write(asked, Begun(prompts))
        shared = Shared(net, [prompts[0][:20]])
        for _ in range(2):  # the shared part is not used up
            assert writer.write(asked, Begun([ids[20:] for ids in prompts], shared, [0] * 9)) == whole


def test_a_base_that_goes_on_with_a_question_of_its_own_is_cut(
    net: Any, tokenizer: Any, questions: list[Question], prompts: list[list[int]]
) -> None:
    stops = stop_ids(net, tokenizer)
    written = plain(net, tokenizer, prompts[0], 30, stops)
    text = tokenizer.decode(written, skip_special_tokens=True)
    at = len(text) // 2
    stop = Stop(tuple(stops), 30, before=text[at : at + 2])
    writer = Writer(net, tokenizer, stop)
    writer._ends = dict.fromkeys(range(len(tokenizer)), True)  # any piece may end the words looked for
    with torch.inference_mode():
        (cut,) = writer.write(questions[:1], Begun(prompts[:1]))
    assert cut == text.partition(stop.before)[0] != text


@pytest.mark.parametrize(
    ("text", "settled"),
    [
        ("答案是B。", True),
        ("正确选项为A.", True),
        ("分析。答案应该是C。", True),
        ("答案是B", False),
        ("B。", False),
        ("答案不是B。", False),
        ("", False),
    ],
)
def test_a_decided_text_reads_the_same_whatever_follows(text: str, settled: bool) -> None:
    assert decided(text) is settled
    longer = {read_answer(text + more, MULTIPLE) for more in ("", "D", "答案是E。", "。F", "正确选项为：G。")}
    assert (len(longer) == 1) is settled


def test_a_tokenizer_without_the_prefix_drafts_nothing(net: Any, questions: list[Question]) -> None:
    glued = make_tokenizer([("是", "C")])
    assert Writer(net, glued, Stop((2,), 4))._drafts == {(): ()}
